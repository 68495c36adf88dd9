#include "folder/number.h"

#include <string.h>

#define DIGITS "0123456789"

char *
number_of(const char *name)
{
    g_autoptr(GString) parts = g_string_new(NULL);
    gboolean has_letter = (name[0] == 'V' || name[0] == 'v') && g_ascii_isdigit(name[1]);
    /* Only flyway parts its versions with "_", and only before a "__". */
    gboolean is_flyway = has_letter && strstr(name, "__") != NULL;
    const char *separators = is_flyway ? "._" : ".-";
    const char *at = has_letter ? name + 1 : name;

    while (g_ascii_isdigit(*at)) {
        gsize digits = strspn(at, DIGITS);

        g_string_append_printf(parts, "%s%.*s", parts->len > 0 ? "." : "", (int)digits, at);
        at += digits;
        if (*at == '\0' || strchr(separators, *at) == NULL)
            break;
        at++;
    }
    return parts->len > 0 ? g_string_free(g_steal_pointer(&parts), FALSE) : NULL;
}

/* Two runs of digits as numbers, however long. */
static int
compare_digits(const char *a, gsize a_length, const char *b, gsize b_length)
{
    while (a_length > 0 && *a == '0') {
        a++;
        a_length--;
    }
    while (b_length > 0 && *b == '0') {
        b++;
        b_length--;
    }
    if (a_length != b_length)
        return a_length < b_length ? -1 : 1;
    return strncmp(a, b, a_length);
}

int
number_compare(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        gsize a_length = strspn(a, DIGITS);
        gsize b_length = strspn(b, DIGITS);
        int order = compare_digits(a, a_length, b, b_length);

        if (order != 0)
            return order;
        a += a_length + (a[a_length] != '\0');
        b += b_length + (b[b_length] != '\0');
    }
    return 0;
}

gboolean
number_is(const char *number, const char *version)
{
    g_autofree char *dotted = g_strdelimit(g_strdup(version), "_-", '.');
    g_auto(GStrv) parts = g_strsplit(number, ".", -1);
    g_autofree char *joined = g_strjoinv("", parts);

    if (strspn(dotted, DIGITS ".") != strlen(dotted) || !g_ascii_isdigit(dotted[0]))
        return FALSE;
    return number_compare(number, dotted) == 0 ||
           (strchr(dotted, '.') == NULL && compare_digits(joined, strlen(joined), dotted, strlen(dotted)) == 0);
}

gboolean
number_is_up_to(const char *number, const char *version)
{
    g_autofree char *dotted = g_strdelimit(g_strdup(version), "_-", '.');

    return number_is(number, version) || number_compare(number, dotted) < 0;
}

int
number_compare_names(const char *a, const char *b)
{
    const char *a_at = a;
    const char *b_at = b;

    while (*a_at != '\0' && *b_at != '\0') {
        gsize a_length = strspn(a_at, DIGITS);
        gsize b_length = strspn(b_at, DIGITS);
        int order = a_length > 0 && b_length > 0 ? compare_digits(a_at, a_length, b_at, b_length)
                                                 : (int)(guchar)*a_at - (int)(guchar)*b_at;

        if (order != 0)
            return order;
        a_at += MAX(a_length, 1);
        b_at += MAX(b_length, 1);
    }
    return *a_at != *b_at ? (int)(guchar)*a_at - (int)(guchar)*b_at : strcmp(a, b);
}
