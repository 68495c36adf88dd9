#include "baseline.h"

#include <string.h>

gboolean
baseline_columns(PGconn *conn, Model *model, TableId table, guint *columns, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT * FROM %s LIMIT 0", shop_table(table));
    g_autoptr(PGresult) result = shop_query(conn, sql, error);

    if (result == NULL)
        return FALSE;
    *columns = 0;
    for (int column = 0; shop_columns(table)[column] != NULL; column++)
        if (PQfnumber(result, shop_columns(table)[column]) >= 0 && !model_ignores(model, table, column))
            *columns |= 1u << column;
    return TRUE;
}

/* A column that is gone is read as NULL, so that results have the same shape always. */
static GString *
select_columns(TableId table, guint columns)
{
    GString *sql = g_string_new("SELECT id");

    for (int column = 0; shop_columns(table)[column] != NULL; column++) {
        if (columns & 1u << column)
            g_string_append_printf(sql, ", %s::text", shop_columns(table)[column]);
        else
            g_string_append(sql, ", NULL::text");
    }
    g_string_append_printf(sql, " FROM %s", shop_table(table));
    return sql;
}

static void
collect(const PGresult *result, TableId table, guint columns, Deviations *rows)
{
    for (int n = 0; n < PQntuples(result); n++) {
        Row *row = g_new0(Row, 1);
        row->id = g_ascii_strtoll(PQgetvalue(result, n, 0), NULL, 10);
        row->exists = TRUE;
        for (int column = 0; shop_columns(table)[column] != NULL; column++)
            if (columns & 1u << column)
                row_set(row, column,
                        PQgetisnull(result, n, column + 1) ? NULL_TEXT : PQgetvalue(result, n, column + 1));
        g_hash_table_replace(rows, &row->id, row);
    }
}

static gboolean
collect_missing(PGconn *conn, const Model *model, TableId table, Deviations *rows, GError **error)
{
    g_autofree char *sql = g_strdup_printf("SELECT n FROM generate_series(1, %" G_GINT64_FORMAT "::bigint) n"
                                           " WHERE NOT EXISTS (SELECT FROM %s t WHERE t.id = n)",
                                           shop_preloaded(&model->shop, table), shop_table(table));
    g_autoptr(PGresult) result = shop_query(conn, sql, error);

    if (result == NULL)
        return FALSE;
    for (int n = 0; n < PQntuples(result); n++) {
        Row *row = g_new0(Row, 1);
        gint64 id = g_ascii_strtoll(PQgetvalue(result, n, 0), NULL, 10);
        shop_row(&model->shop, table, id, row);
        row->exists = FALSE;
        g_hash_table_replace(rows, &row->id, row);
    }
    return TRUE;
}

/* Added orders carry their items as two sums. Items of preloaded orders never change, see compare.c. */
static gboolean
collect_items(PGconn *conn, const Model *model, Deviations *rows, GError **error)
{
    gint64 preloaded = shop_preloaded(&model->shop, TABLE_ORDERS);
    g_autofree char *sql = g_strdup_printf("SELECT o.id, count(i.id), coalesce(sum(i.quantity), 0) FROM orders o"
                                           " LEFT JOIN order_items i ON i.order_id = o.id"
                                           " WHERE o.id > %" G_GINT64_FORMAT " GROUP BY o.id",
                                           preloaded);
    g_autoptr(PGresult) result = shop_query(conn, sql, error);

    if (result == NULL)
        return FALSE;
    for (int n = 0; n < PQntuples(result); n++) {
        gint64 id = g_ascii_strtoll(PQgetvalue(result, n, 0), NULL, 10);
        Row *row = g_hash_table_lookup(rows, &id);
        if (row == NULL)
            continue;
        row_set(row, ORDER_ITEMS, PQgetvalue(result, n, 1));
        row_set(row, ORDER_QUANTITY, PQgetvalue(result, n, 2));
    }
    return TRUE;
}

Deviations *
baseline_deviations(PGconn *conn, Model *model, TableId table, GError **error)
{
    g_autoptr(GHashTable) rows = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    g_autoptr(GString) sql = NULL;
    g_autoptr(PGresult) result = NULL;
    guint columns = 0;

    if (!baseline_columns(conn, model, table, &columns, error))
        return NULL;
    sql = select_columns(table, columns);
    g_string_append_printf(sql, " WHERE id NOT BETWEEN 1 AND %" G_GINT64_FORMAT, shop_preloaded(&model->shop, table));
    for (int column = 0; shop_columns(table)[column] != NULL; column++) {
        g_autofree char *expression = shop_expression(&model->shop, table, column);
        if (columns & 1u << column && expression != NULL)
            g_string_append_printf(sql, " OR %s::text IS DISTINCT FROM %s::text", shop_columns(table)[column],
                                   expression);
    }
    result = shop_query(conn, sql->str, error);
    if (result == NULL)
        return NULL;
    collect(result, table, columns, rows);
    if (!collect_missing(conn, model, table, rows, error))
        return NULL;
    if (table == TABLE_ORDERS && !collect_items(conn, model, rows, error))
        return NULL;
    return g_steal_pointer(&rows);
}

gboolean
baseline_fetch(PGconn *conn, Model *model, TableId table, const GArray *ids, Deviations *rows, GError **error)
{
    g_autoptr(GString) sql = NULL;
    g_autoptr(GString) list = g_string_new("{");
    const char *values[1] = {NULL};
    g_autoptr(PGresult) result = NULL;
    guint columns = 0;

    if (ids->len == 0)
        return TRUE;
    if (!baseline_columns(conn, model, table, &columns, error))
        return FALSE;
    for (guint n = 0; n < ids->len; n++)
        g_string_append_printf(list, "%s%" G_GINT64_FORMAT, n > 0 ? "," : "", g_array_index(ids, gint64, n));
    g_string_append_c(list, '}');
    sql = select_columns(table, columns);
    g_string_append(sql, " WHERE id = ANY ($1::bigint[])");
    values[0] = list->str;
    result = PQexecParams(conn, sql->str, 1, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        g_set_error(error, LOAD_ERROR, 0, "%s", g_strchomp(PQerrorMessage(conn)));
        return FALSE;
    }
    collect(result, table, columns, rows);
    return TRUE;
}

gboolean
baseline_adopt(PGconn *conn, Model *model, GError **error)
{
    for (int table = 0; table < TABLES; table++) {
        g_autoptr(GHashTable) rows = baseline_deviations(conn, model, table, error);
        GHashTableIter iter;
        Row *row = NULL;
        if (rows == NULL)
            return FALSE;
        g_hash_table_iter_init(&iter, rows);
        while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&row)) {
            /* Whoever wrote these two is not known any more, and a migration may change what nobody wrote. */
            if (table == TABLE_USERS) {
                row->known &= ~(1u << USER_AGE);
                if (strcmp(row->text[USER_OLD], NULL_TEXT) == 0)
                    row->known &= ~(1u << USER_OLD);
            }
            model_apply(model, model_home(model, table, row), table, row);
        }
    }
    return TRUE;
}
