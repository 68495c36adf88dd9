#include "base/names.h"

#include <string.h>

/* The longest prefix of `text` with at most `bytes` bytes that ends between two characters (pg_mbcliplen for UTF-8). */
static gsize
clipped_length(const char *text, gsize bytes)
{
    gsize length = strlen(text);

    if (length <= bytes)
        return length;
    while (bytes > 0 && ((guchar)text[bytes] & 0xC0) == 0x80)
        bytes--;
    return bytes;
}

char *
name_fitted(const char *name, const char *stem)
{
    g_autofree char *hash = NULL;

    if (strlen(name) <= NAME_MAX_BYTES)
        return g_strdup(name);
    hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, stem, -1);
    return g_strdup_printf("%.*s_%.8s", (int)clipped_length(name, NAME_MAX_BYTES - 9), name, hash);
}

char *
name_bounded(const char *purpose, const char *stem)
{
    g_autofree char *full = g_strdup_printf("pgseam_%s_%s", purpose, stem);

    return name_fitted(full, stem);
}

char *
name_default(const char *table, const char *columns, const char *label, unsigned number)
{
    g_autofree char *numbered = number == 0 ? g_strdup(label) : g_strdup_printf("%s%u", label, number);
    gsize available = NAME_MAX_BYTES - strlen(numbered) - (columns != NULL ? 2 : 1);
    gsize table_length = strlen(table);
    gsize columns_length = columns != NULL ? strlen(columns) : 0;

    while (table_length + columns_length > available) {
        if (table_length > columns_length)
            table_length--;
        else
            columns_length--;
    }
    table_length = clipped_length(table, table_length);
    if (columns == NULL)
        return g_strdup_printf("%.*s_%s", (int)table_length, table, numbered);
    columns_length = clipped_length(columns, columns_length);
    return g_strdup_printf("%.*s_%.*s_%s", (int)table_length, table, (int)columns_length, columns, numbered);
}

char *
name_default_index(const char *table, const char *columns, unsigned number)
{
    return name_default(table, columns, "idx", number);
}

gboolean
names_contain(const GPtrArray *names, const char *name)
{
    return names != NULL && g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}
