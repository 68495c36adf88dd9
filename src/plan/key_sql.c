#include "plan/key_sql.h"

#include "base/sqltext.h"

char *
key_sql_list(const Step *step, const char *qualifier, const char *suffix)
{
    GString *list = g_string_new(NULL);

    for (guint i = 0; i < step->key->len; i++) {
        g_autofree char *column = sql_quote_ident(g_ptr_array_index(step->key, i));
        g_string_append_printf(list, "%s%s.%s%s", i > 0 ? ", " : "", qualifier, column, suffix);
    }
    return g_string_free(list, FALSE);
}

char *
key_sql_bound(const Step *step, const char *qualifier, const char *operator, guint first)
{
    g_autofree char *left = key_sql_list(step, qualifier, "");
    g_autoptr(GString) right = g_string_new(NULL);

    for (guint i = 0; i < step->key->len; i++)
        g_string_append_printf(right, "%sCAST($%u AS %s)", i > 0 ? ", " : "", first + i,
                               (const char *)g_ptr_array_index(step->key_types, i));
    return g_strdup_printf("(CAST($%u AS %s) IS NULL OR ROW(%s) %s ROW(%s))", first,
                           (const char *)g_ptr_array_index(step->key_types, 0), left, operator, right->str);
}
