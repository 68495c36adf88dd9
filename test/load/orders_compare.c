#include "orders.h"

#include <string.h>

static gboolean
same_text(const OrderModel *model, const char *column, const char *one, const char *other)
{
    return orders_ignores(model, column) || strcmp(one, other) == 0;
}

static gboolean
same_number(const OrderModel *model, const char *column, gint64 one, gint64 other)
{
    return orders_ignores(model, column) || one == other;
}

/* The column in which they differ, NULL if they do not. */
static const char *
difference(const OrderModel *model, const Order *expected, const Order *actual)
{
    if (!expected->exists || actual == NULL || !actual->exists)
        return expected->exists == (actual != NULL && actual->exists) ? NULL : "presence";
    if (!same_number(model, "code", expected->code, actual->code))
        return "code";
    if (!same_number(model, "seat", expected->seat, actual->seat))
        return "seat";
    if (!same_number(model, "amount", expected->amount, actual->amount))
        return "amount";
    if (!same_text(model, "status", expected->status, actual->status))
        return "status";
    if (!same_text(model, "note", expected->note, actual->note))
        return "note";
    if (!same_text(model, "payload", expected->payload, actual->payload))
        return "payload";
    if (expected->lines != actual->lines || expected->quantity != actual->quantity)
        return "lines";
    if (expected->remarks != actual->remarks)
        return "remarks";
    return expected->has_hold == actual->has_hold ? NULL : "holds";
}

static char *
describe(const Order *order)
{
    if (order == NULL || !order->exists)
        return g_strdup("(no row)");
    return g_strdup_printf("(code %" G_GINT64_FORMAT ", seat %" G_GINT64_FORMAT ", amount %" G_GINT64_FORMAT
                           ", %s, '%s', payload %.8s, lines %" G_GINT64_FORMAT "/%" G_GINT64_FORMAT
                           ", remarks %" G_GINT64_FORMAT ", hold %d)",
                           order->code, order->seat, order->amount, order->status, order->note, order->payload,
                           order->lines, order->quantity, order->remarks, order->has_hold);
}

static HotRow *
hot_row(OrderModel *model, const char *key)
{
    for (int n = 0; n < model->n_hot; n++)
        if (strcmp(model->hot[n].key, key) == 0)
            return &model->hot[n];
    return NULL;
}

static void
compare_hot(const HotRow *hot, const Order *actual, Comparison *comparison)
{
    gint64 least = hot->amount + hot->count;

    if (actual == NULL || actual->amount < least || actual->amount > least + hot->maybe)
        compare_note(comparison, "the hot row %s has the amount %" G_GINT64_FORMAT " instead of %" G_GINT64_FORMAT,
                     hot->key, actual != NULL ? actual->amount : -1, least);
}

static void
compare_one(OrderModel *model, const Order *expected, Order *actual, Comparison *comparison)
{
    const HotRow *hot = hot_row(model, expected->key);
    const char *column = NULL;
    g_autofree char *is = NULL;
    g_autofree char *should = NULL;

    if (actual != NULL)
        actual->is_seen = TRUE;
    if (hot != NULL) {
        compare_hot(hot, actual, comparison);
        return;
    }
    column = difference(model, expected, actual);
    if (column == NULL || (expected->before != NULL && difference(model, expected->before, actual) == NULL))
        return;
    is = describe(actual);
    should = describe(expected);
    compare_note(comparison, "order %s differs in its %s: is %s, should be %s%s", expected->key, column, is, should,
                 expected->before != NULL ? " (or what it was before)" : "");
}

static gboolean
is_maybe(const OrderModel *model, const Order *order)
{
    for (int n = 0; n < ORDER_SLOTS; n++)
        if (g_hash_table_contains(model->slots[n].maybe, &order->code))
            return TRUE;
    return FALSE;
}

static gboolean
compare_orphans(PGconn *conn, const OrderModel *model, Comparison *comparison, GError **error)
{
    g_autofree char *sql = orders_sql(model->shape, "SELECT count(*) FROM order_remarks WHERE (@U) IS NULL");
    g_autoptr(PGresult) result = shop_query(conn, sql, error);
    gint64 least = model->orphans;
    gint64 slack = 0;
    gint64 actual;

    if (result == NULL)
        return FALSE;
    for (int n = 0; n < ORDER_SLOTS; n++) {
        least += model->slots[n].orphans;
        slack += model->slots[n].maybe_orphans;
    }
    actual = g_ascii_strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    if (actual < least || actual > least + slack)
        compare_note(comparison, "%" G_GINT64_FORMAT " remarks have lost their order instead of %" G_GINT64_FORMAT,
                     actual, least);
    return TRUE;
}

gboolean
orders_compare(PGconn *conn, OrderModel *model, Comparison *comparison, GError **error)
{
    g_autoptr(GHashTable) actual = orders_read(conn, model->shape, error);
    /* Of two that had one key one after the other, the one that is there counts. */
    g_autoptr(GHashTable) expected = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    Order *order = NULL;

    if (actual == NULL)
        return FALSE;
    comparison->rows_checked = g_hash_table_size(actual);
    for (int number = 0; number < ORDER_SLOTS; number++) {
        GPtrArray *orders = model->slots[number].orders;
        for (guint n = 0; n < orders->len; n++) {
            order = g_ptr_array_index(orders, n);
            if (order->exists || order->before != NULL || !g_hash_table_contains(expected, order->key))
                g_hash_table_insert(expected, order->key, order);
        }
    }
    g_hash_table_iter_init(&iter, expected);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&order))
        compare_one(model, order, g_hash_table_lookup(actual, order->key), comparison);
    g_hash_table_iter_init(&iter, actual);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&order))
        if (!order->is_seen && !is_maybe(model, order))
            compare_note(comparison, "order %s is there but nobody has made it", order->key);
    return compare_orphans(conn, model, comparison, error);
}
