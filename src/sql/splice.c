#include "sql/splice.h"

char *
splice_insert(const char *text, int offset, const char *insert)
{
    return g_strdup_printf("%.*s%s%s", offset, text, insert, text + offset);
}

char *
splice_condition(const Stmt *stmt, const char *condition)
{
    const DmlStmt *dml = &stmt->dml;

    if (dml->where.text == NULL)
        return g_strdup_printf("%.*s\nWHERE %s%s%s", dml->where_keyword, stmt->text, condition,
                               stmt->text[dml->where_end] != '\0' ? "\n" : "", stmt->text + dml->where_end);
    return g_strdup_printf("%.*sWHERE (%s\n) AND %s%s%s", dml->where_keyword, stmt->text, dml->where.text, condition,
                           stmt->text[dml->where_end] != '\0' ? "\n" : "", stmt->text + dml->where_end);
}
