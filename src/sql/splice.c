#include "sql/splice.h"

char *
splice_insert(const char *text, int offset, const char *insert)
{
    return g_strdup_printf("%.*s%s%s", offset, text, insert, text + offset);
}

char *
splice_condition(const char *text, int where_keyword, const char *predicate, const char *condition)
{
    if (predicate == NULL)
        return g_strdup_printf("%s\nWHERE %s", text, condition);
    return g_strdup_printf("%.*sWHERE (%s\n) AND %s", where_keyword, text, predicate, condition);
}
