#include "db/array.h"

#include <string.h>

/* Read one element that starts at *c, leave *c on the delimiter after it. */
static char *
parse_element(const char **c)
{
    GString *out = g_string_new(NULL);
    gboolean quoted = **c == '"';

    if (quoted)
        (*c)++;
    while (**c != '\0' && (quoted ? **c != '"' : (**c != ',' && **c != '}'))) {
        if (**c == '\\' && (*c)[1] != '\0')
            (*c)++;
        g_string_append_c(out, **c);
        (*c)++;
    }
    if (quoted && **c == '"')
        (*c)++;
    if (!quoted && g_ascii_strcasecmp(out->str, "NULL") == 0)
        return g_string_free(out, TRUE);
    return g_string_free(out, FALSE);
}

GPtrArray *
db_array_parse(const char *text)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    const char *c = text;

    if (text == NULL || text[0] != '{' || text[1] == '}')
        return list;
    do {
        c++;
        g_ptr_array_add(list, parse_element(&c));
    } while (*c == ',');
    return list;
}

char *
db_array_text(const GPtrArray *elements)
{
    GString *out;

    if (elements == NULL)
        return NULL;
    out = g_string_new("{");
    for (guint i = 0; i < elements->len; i++) {
        const char *element = g_ptr_array_index(elements, i);

        if (i > 0)
            g_string_append_c(out, ',');
        if (element == NULL) {
            g_string_append(out, "NULL");
            continue;
        }
        g_string_append_c(out, '"');
        for (const char *c = element; *c != '\0'; c++) {
            if (strchr("\"\\", *c) != NULL)
                g_string_append_c(out, '\\');
            g_string_append_c(out, *c);
        }
        g_string_append_c(out, '"');
    }
    g_string_append_c(out, '}');
    return g_string_free(out, FALSE);
}
