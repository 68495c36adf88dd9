#include "compare.h"

#include "baseline.h"

#include <string.h>

#define SAMPLES 20

void
compare_note(Comparison *comparison, const char *format, ...)
{
    va_list arguments;

    comparison->mismatches++;
    if (comparison->samples->len >= SAMPLES)
        return;
    va_start(arguments, format);
    g_ptr_array_add(comparison->samples, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

static const char *
column_name(TableId table, int column)
{
    if (table == TABLE_ORDERS && column >= ORDER_ITEMS)
        return column == ORDER_ITEMS ? "count of items" : "sum of quantities";
    return shop_columns(table)[column];
}

/* The first column that differs, -1 if none does. */
static int
differing_column(const Row *expected, const Row *actual)
{
    for (int column = 0; column < MAX_COLUMNS; column++)
        if (expected->known & actual->known & 1u << column && strcmp(expected->text[column], actual->text[column]) != 0)
            return column;
    return -1;
}

static gboolean
row_matches(const Row *expected, const Row *actual)
{
    if (actual == NULL || !actual->exists || !expected->exists)
        return expected->exists == (actual != NULL && actual->exists);
    return differing_column(expected, actual) < 0;
}

static void
compare_entry(TableId table, const Entry *entry, const Row *actual, Comparison *comparison)
{
    const char *name = shop_table(table);
    gint64 id = entry->now.id;
    int column = 0;

    if (row_matches(&entry->now, actual) || (entry->before != NULL && row_matches(entry->before, actual)))
        return;
    if (actual == NULL || !actual->exists) {
        compare_note(comparison, "%s %" G_GINT64_FORMAT " is missing", name, id);
        return;
    }
    if (!entry->now.exists) {
        compare_note(comparison, "%s %" G_GINT64_FORMAT " was deleted but is there", name, id);
        return;
    }
    column = differing_column(&entry->now, actual);
    compare_note(comparison, "%s %" G_GINT64_FORMAT ": %s is '%s', should be '%s'%s", name, id,
                 column_name(table, column), actual->text[column], entry->now.text[column],
                 entry->before != NULL ? " (or what it was before)" : "");
}

/* Ids of touched rows that look untouched in the database. */
static GArray *
unseen_ids(const Model *model, TableId table, Deviations *actual)
{
    GArray *ids = g_array_new(FALSE, FALSE, sizeof(gint64));

    for (int number = 0; number < SLOTS; number++) {
        GHashTableIter iter;
        const Entry *entry = NULL;
        g_hash_table_iter_init(&iter, model->slots[number].rows[table]);
        while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&entry))
            if (!g_hash_table_contains(actual, &entry->now.id))
                g_array_append_val(ids, entry->now.id);
    }
    return ids;
}

static gboolean
is_maybe(const Model *model, TableId table, const Row *row)
{
    if (table != TABLE_USERS || !(row->known & 1u << USER_NAME))
        return FALSE;
    for (int number = 0; number < SLOTS; number++)
        if (g_hash_table_contains(model->slots[number].maybe, row->text[USER_NAME]))
            return TRUE;
    return FALSE;
}

static void
compare_untouched(const Model *model, TableId table, const Row *actual, Comparison *comparison)
{
    Row expected;
    int column = 0;
    const char *name = shop_table(table);

    if (actual->id < 1 || actual->id > shop_preloaded(&model->shop, table)) {
        if (!is_maybe(model, table, actual))
            compare_note(comparison, "%s %" G_GINT64_FORMAT " is there but nobody has added it", name, actual->id);
        return;
    }
    if (!actual->exists) {
        compare_note(comparison, "%s %" G_GINT64_FORMAT " is missing, nobody has deleted it", name, actual->id);
        return;
    }
    shop_row(&model->shop, table, actual->id, &expected);
    column = differing_column(&expected, actual);
    compare_note(comparison, "%s %" G_GINT64_FORMAT ": %s is '%s', should be '%s' and nobody has touched it", name,
                 actual->id, column_name(table, MAX(column, 0)), actual->text[MAX(column, 0)],
                 expected.text[MAX(column, 0)]);
}

static gboolean
compare_table(PGconn *conn, Model *model, TableId table, Comparison *comparison, GError **error)
{
    g_autoptr(GHashTable) actual = baseline_deviations(conn, model, table, error);
    g_autoptr(GArray) unseen = NULL;
    GHashTableIter iter;
    const Row *row = NULL;

    if (actual == NULL)
        return FALSE;
    unseen = unseen_ids(model, table, actual);
    if (!baseline_fetch(conn, model, table, unseen, actual, error))
        return FALSE;
    for (int number = 0; number < SLOTS; number++) {
        const Entry *entry = NULL;
        g_hash_table_iter_init(&iter, model->slots[number].rows[table]);
        while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&entry)) {
            compare_entry(table, entry, g_hash_table_lookup(actual, &entry->now.id), comparison);
            g_hash_table_remove(actual, &entry->now.id);
        }
    }
    g_hash_table_iter_init(&iter, actual);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&row))
        compare_untouched(model, table, row, comparison);
    return TRUE;
}

/* Preloaded items are never written: each is as it was made, and there exactly if its order is. */
static gboolean
compare_items(PGconn *conn, const Model *model, Comparison *comparison, GError **error)
{
    gint64 per_order = model->shop.items_per_order;
    gint64 orders = shop_preloaded(&model->shop, TABLE_ORDERS);
    g_autofree char *sql = g_strdup_printf(
        "SELECT e.id, CASE WHEN i.id IS NULL THEN 'is missing' WHEN o.id IS NULL THEN 'is there without its order'"
        " ELSE 'has changed' END"
        " FROM (SELECT id, (id - 1) / %" G_GINT64_FORMAT " + 1 AS order_id, 'product ' || id %% 500 AS product,"
        " id %% 9 + 1 AS quantity FROM generate_series(1, %" G_GINT64_FORMAT "::bigint) id) e"
        " LEFT JOIN order_items i ON i.id = e.id LEFT JOIN orders o ON o.id = e.order_id"
        " WHERE (i.id IS NULL AND o.id IS NOT NULL) OR (i.id IS NOT NULL AND (o.id IS NULL"
        " OR (i.order_id, i.product, i.quantity) IS DISTINCT FROM (e.order_id, e.product, e.quantity)))"
        " UNION ALL SELECT i.id, 'belongs to no order or to one that had all its items' FROM order_items i"
        " WHERE i.id > %" G_GINT64_FORMAT " AND (i.order_id <= %" G_GINT64_FORMAT
        " OR NOT EXISTS (SELECT FROM orders o WHERE o.id = i.order_id))",
        MAX(per_order, 1), orders * per_order, orders * per_order, orders);
    g_autoptr(PGresult) result = shop_query(conn, sql, error);

    if (result == NULL)
        return FALSE;
    for (int n = 0; n < PQntuples(result); n++)
        compare_note(comparison, "order_items %s %s", PQgetvalue(result, n, 0), PQgetvalue(result, n, 1));
    return TRUE;
}

gboolean
compare_all(PGconn *conn, Model *model, Comparison *comparison, GError **error)
{
    g_autoptr(PGresult) result = shop_query(
        conn,
        "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM orders) + (SELECT count(*) FROM order_items)",
        error);

    if (result == NULL)
        return FALSE;
    comparison->rows_checked = g_ascii_strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    for (int table = 0; table < TABLES; table++)
        if (!compare_table(conn, model, table, comparison, error))
            return FALSE;
    return compare_items(conn, model, comparison, error);
}
