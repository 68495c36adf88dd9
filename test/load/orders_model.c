#include "orders.h"

#include <stdlib.h>
#include <string.h>

/* What a payload is of its seed: orders_statements.c says the same to the server. */
#define PAYLOAD_REPEATS 90

static void
order_free(gpointer data)
{
    Order *order = data;

    g_free(order->before);
    g_free(order);
}

void
orders_digest(const char *seed, char *digest)
{
    g_autofree char *once = NULL;
    g_autofree char *md5 = NULL;
    g_autoptr(GString) payload = g_string_new(NULL);

    digest[0] = '\0';
    if (seed[0] == '\0')
        return;
    once = g_compute_checksum_for_string(G_CHECKSUM_MD5, seed, -1);
    for (int n = 0; n < PAYLOAD_REPEATS; n++)
        g_string_append(payload, once);
    md5 = g_compute_checksum_for_string(G_CHECKSUM_MD5, payload->str, -1);
    g_strlcpy(digest, md5, DIGEST_SIZE);
}

static void
take_text(const PGresult *result, int row, int column, char *to, gsize size)
{
    g_strlcpy(to, PQgetisnull(result, row, column) ? "" : PQgetvalue(result, row, column), size);
}

static gint64
take_number(const PGresult *result, int row, int column)
{
    return g_ascii_strtoll(PQgetvalue(result, row, column), NULL, 10);
}

static PGresult *
query(PGconn *conn, const OrderShape *shape, const char *template, GError **error)
{
    g_autofree char *sql = orders_sql(shape, template);

    return shop_query(conn, sql, error);
}

/* Numbers of the referencing tables, by order; a key that no order has is told with a row that does not exist. */
static gboolean
read_children(PGconn *conn, const OrderShape *shape, GHashTable *orders, GError **error)
{
    g_autoptr(PGresult) result =
        query(conn, shape,
              "SELECT @U, 'l', count(*), coalesce(sum(quantity), 0) FROM order_lines GROUP BY 1 UNION ALL"
              " SELECT @U, 'r', count(*), 0 FROM order_remarks WHERE (@U) IS NOT NULL GROUP BY 1 UNION ALL"
              " SELECT @U, 'h', count(*), 0 FROM order_holds GROUP BY 1",
              error);

    if (result == NULL)
        return FALSE;
    for (int n = 0; n < PQntuples(result); n++) {
        Order *order = g_hash_table_lookup(orders, PQgetvalue(result, n, 0));
        if (order == NULL) {
            order = g_new0(Order, 1);
            take_text(result, n, 0, order->key, sizeof order->key);
            g_hash_table_insert(orders, order->key, order);
        }
        switch (PQgetvalue(result, n, 1)[0]) {
            case 'l':
                order->lines = take_number(result, n, 2);
                order->quantity = take_number(result, n, 3);
                break;
            case 'r':
                order->remarks = take_number(result, n, 2);
                break;
            default:
                order->has_hold = take_number(result, n, 2) > 0;
        }
    }
    return TRUE;
}

GHashTable *
orders_read(PGconn *conn, const OrderShape *shape, GError **error)
{
    g_autoptr(GHashTable) orders = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, order_free);
    g_autoptr(PGresult) result =
        query(conn, shape,
              "SELECT @T, code, seat, amount, status, note, md5(payload) FROM orders WHERE status NOT LIKE 'theirs%'"
              " ORDER BY code",
              error);

    for (int n = 0; result != NULL && n < PQntuples(result); n++) {
        Order *order = g_new0(Order, 1);
        order->exists = TRUE;
        take_text(result, n, 0, order->key, sizeof order->key);
        order->code = take_number(result, n, 1);
        order->seat = take_number(result, n, 2);
        order->amount = take_number(result, n, 3);
        take_text(result, n, 4, order->status, sizeof order->status);
        take_text(result, n, 5, order->note, sizeof order->note);
        take_text(result, n, 6, order->payload, sizeof order->payload);
        if (g_hash_table_contains(orders, order->key)) {
            g_set_error(error, LOAD_ERROR, 0, "orders has two rows with the key %s", order->key);
            order_free(order);
            return NULL;
        }
        g_hash_table_insert(orders, order->key, order);
    }
    if (result == NULL || !read_children(conn, shape, orders, error))
        return NULL;
    return g_steal_pointer(&orders);
}

static gint64
read_number(PGconn *conn, const OrderShape *shape, const char *template, GError **error)
{
    g_autoptr(PGresult) result = query(conn, shape, template, error);

    return result != NULL ? take_number(result, 0, 0) : -1;
}

static void
adopt(OrderModel *model, Order *order)
{
    if (strcmp(order->status, "hot") == 0 && model->n_hot < HOT_ROWS) {
        HotRow *hot = &model->hot[model->n_hot++];
        g_strlcpy(hot->key, order->key, sizeof hot->key);
        hot->amount = order->amount;
    }
    model->next_code = MAX(model->next_code, (gint)MAX(order->code, order->seat) + 1);
    g_ptr_array_add(model->slots[g_str_hash(order->key) % ORDER_SLOTS].orders, order);
}

OrderModel *
orders_model_new(PGconn *conn, const OrderShape *shape, GError **error)
{
    OrderModel *model = NULL;
    g_autoptr(GHashTable) orders = orders_read(conn, shape, error);
    gint64 base =
        orders == NULL
            ? -1
            : read_number(conn, shape,
                          "SELECT greatest(1000000000, max(@N) + 1)::bigint FROM orders WHERE @N < 2100000000", error);
    gint64 orphans =
        orders != NULL ? read_number(conn, shape, "SELECT count(*) FROM order_remarks WHERE (@U) IS NULL", error) : -1;
    GHashTableIter iter;
    Order *order = NULL;

    if (orphans < 0 || base < 0)
        return NULL;
    model = g_new0(OrderModel, 1);
    model->shape = shape;
    model->orphans = orphans;
    model->next_code = 1;
    model->base = base;
    g_snprintf(model->run, sizeof model->run, "%" G_GINT64_MODIFIER "x", g_get_real_time() / 1000);
    g_mutex_init(&model->lock);
    model->ignored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (int n = 0; n < ORDER_SLOTS; n++) {
        model->slots[n].number = n;
        model->slots[n].orders = g_ptr_array_new_with_free_func(order_free);
        model->slots[n].maybe = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    }
    g_hash_table_iter_init(&iter, orders);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&order)) {
        g_hash_table_iter_steal(&iter);
        adopt(model, order);
    }
    return model;
}

void
orders_model_free(OrderModel *model)
{
    for (int n = 0; n < ORDER_SLOTS; n++) {
        g_ptr_array_unref(model->slots[n].orders);
        g_hash_table_unref(model->slots[n].maybe);
    }
    g_hash_table_unref(model->ignored);
    g_mutex_clear(&model->lock);
    g_free(model);
}

gint64
orders_new_code(OrderModel *model)
{
    return g_atomic_int_add(&model->next_code, 1);
}

void
orders_new_key(OrderModel *model, char *key)
{
    gint64 number = model->base + g_atomic_int_add(&model->next_key, 1);
    const char *name = model->shape->name;
    g_autofree char *text = g_strdup_printf("%s-%" G_GINT64_FORMAT, model->run, number);
    g_autofree char *md5 = g_compute_checksum_for_string(G_CHECKSUM_MD5, text, -1);

    if (strcmp(name, "uuid") == 0) {
        g_snprintf(key, KEY_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", md5, md5 + 8, md5 + 12, md5 + 16, md5 + 20);
    } else if (strcmp(name, "composite") == 0) {
        g_snprintf(key, KEY_SIZE, "%" G_GINT64_FORMAT "/%s", number / 50, text);
    } else if (strcmp(name, "numeric") == 0) {
        g_snprintf(key, KEY_SIZE, "%" G_GINT64_FORMAT ".25", number);
    } else if (strcmp(name, "timestamptz") == 0) {
        g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(number);
        g_autofree char *shown = g_date_time_format(time, "%Y-%m-%d %H:%M:%S+00");
        g_strlcpy(key, shown, KEY_SIZE);
    } else if (model->shape->is_serial) {
        g_snprintf(key, KEY_SIZE, "%" G_GINT64_FORMAT, number);
    } else {
        g_snprintf(key, KEY_SIZE, "%s%s", number % 2 == 0 ? "Neu ß " : "neu ", text);
    }
}

gboolean
orders_ignores(const OrderModel *model, const char *column)
{
    return g_hash_table_contains(model->ignored, column);
}
