#include "rewrite/dirty.h"

#include "base/sqltext.h"
#include "db/array.h"

gboolean
dirty_count(Rewrite *rewrite, const Flow *flow, gint64 most, gint64 *ret_keys, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);
    g_autofree char *sql =
        sql_build("SELECT count(*) AS n FROM (SELECT FROM ? LIMIT ?) AS d", sql_raw(flow->dirty), sql_int(most));
    g_autoptr(DbResult) row = conn != NULL ? db_query(conn, sql, DB_NONE, error) : NULL;

    if (row == NULL)
        return FALSE;
    *ret_keys = db_int(row, 0, "n");
    return TRUE;
}

Keys *
keys_new(const Flow *flow)
{
    Keys *keys = g_new0(Keys, 1);

    keys->columns = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < flow->keys->len; i++)
        g_ptr_array_add(keys->columns, g_ptr_array_new_with_free_func(g_free));
    return keys;
}

void
keys_free(Keys *keys)
{
    if (keys == NULL)
        return;
    g_ptr_array_unref(keys->columns);
    g_free(keys);
}

void
keys_add_rows(Keys *keys, const DbResult *rows)
{
    for (int i = 0; i < db_rows(rows); i++) {
        for (guint k = 0; k < keys->columns->len; k++)
            g_ptr_array_add(g_ptr_array_index(keys->columns, k), g_strdup(db_text_at(rows, i, (int)k)));
    }
    keys->n += (guint)db_rows(rows);
}

char *
keys_sql(const Flow *flow, int first)
{
    g_autoptr(GString) arrays = g_string_new(NULL);
    g_autofree char *names = flow_key_list(flow);

    for (guint i = 0; i < flow->keys->len; i++) {
        const FlowKey *key = g_ptr_array_index(flow->keys, i);

        g_string_append_printf(arrays, "%spg_catalog.unnest($%d::pg_catalog.text[]::%s[])", i > 0 ? ", " : "",
                               first + (int)i, key->type);
    }
    return sql_build("(SELECT * FROM ROWS FROM (?) AS k(?))", sql_raw(arrays->str), sql_raw(names));
}

GPtrArray *
keys_values(const Keys *keys)
{
    GPtrArray *values = g_ptr_array_new_with_free_func(g_free);

    for (guint k = 0; k < keys->columns->len; k++)
        g_ptr_array_add(values, db_array_text(g_ptr_array_index(keys->columns, k)));
    return values;
}
