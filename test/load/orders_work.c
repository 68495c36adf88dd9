#include "orders_work.h"
#include "applications.h"

#include <string.h>

#define TRIES 30

/* Of a hundred transactions. */
static const struct {
    int share;
    gboolean (*run)(Clerk *);
} mixture[] = {
    {19, order_point},     {3, order_view},      {3, order_lines},    {15, order_plain},  {6, order_note},
    {5, order_payload},    {5, order_rekey},     {7, order_add},      {3, order_replace}, {3, order_add_with_children},
    {5, order_delete},     {3, order_upsert},    {4, order_many},     {9, order_hot},     {3, order_swap_codes},
    {3, order_swap_seats}, {3, order_savepoint}, {1, order_rollback},
};

int
clerk_random(Clerk *clerk, int limit)
{
    return g_rand_int_range(clerk->random, 0, limit);
}

Order *
clerk_pick(Clerk *clerk, gboolean exists)
{
    GPtrArray *orders = clerk->slot->orders;

    for (int n = 0; n < TRIES && orders->len > 0; n++) {
        Order *order = g_ptr_array_index(orders, clerk_random(clerk, (int)orders->len));
        gboolean is_staged = FALSE;
        for (guint change = 0; change < clerk->changes->len; change++)
            is_staged |= g_array_index(clerk->changes, OrderChange, change).order == order;
        if (order->exists == exists && order->before == NULL && !order->is_spent && !is_staged &&
            strcmp(order->status, "hot") != 0)
            return order;
    }
    return NULL;
}

void
clerk_stage(Clerk *clerk, Order *order, const Order *now)
{
    OrderChange change = {order, *now};

    g_array_append_val(clerk->changes, change);
}

gboolean
clerk_write(Clerk *clerk, OrderStatement id, const Params *params, int rows)
{
    g_autoptr(PGresult) result = session_run(&clerk->session, id, params);

    if (result == NULL)
        return FALSE;
    if (g_ascii_strtoll(PQcmdTuples(result), NULL, 10) != rows)
        stats_mismatch(clerk->session.stats, "%s: %s of %s touched %s rows instead of %d", clerk->session.name,
                       clerk->statements[id].name, params->text[0], PQcmdTuples(result), rows);
    return TRUE;
}

/* What a committed or doubtful change makes of the model. */
static void
apply(Clerk *clerk, const OrderChange *change, gboolean is_sure)
{
    Order *order = change->order;
    Order before;

    if (order == NULL) {
        /* Without an answer to its INSERT a row may have a key that nobody told us. */
        if (change->now.key[0] == '\0') {
            g_hash_table_add(clerk->slot->maybe, g_memdup2(&change->now.code, sizeof change->now.code));
            return;
        }
        order = g_new0(Order, 1);
        g_strlcpy(order->key, change->now.key, sizeof order->key);
        g_ptr_array_add(clerk->slot->orders, order);
    }
    before = *order;
    *order = change->now;
    order->before = before.before;
    if (!is_sure && order->before == NULL)
        order->before = g_memdup2(&before, sizeof before);
}

gboolean
clerk_settle(Clerk *clerk, gboolean ok)
{
    gboolean is_unsure = !ok && clerk->session.unknown;

    for (guint n = 0; (ok || is_unsure) && n < clerk->changes->len; n++)
        apply(clerk, &g_array_index(clerk->changes, OrderChange, n), ok);
    if (ok)
        clerk->slot->orphans += clerk->orphans;
    else if (is_unsure)
        clerk->slot->maybe_orphans += clerk->orphans;
    clerk->orphans = 0;
    g_array_set_size(clerk->changes, 0);
    if (ok)
        stats_transaction(clerk->session.stats);
    return ok;
}

gboolean
clerk_begin(Clerk *clerk)
{
    return session_command(&clerk->session, "BEGIN");
}

gboolean
clerk_end(Clerk *clerk, gboolean ok)
{
    /* Before COMMIT was sent a lost connection cannot have committed anything. */
    if (!ok) {
        clerk->session.unknown = FALSE;
        return clerk_settle(clerk, FALSE);
    }
    return clerk_settle(clerk, session_command(&clerk->session, "COMMIT"));
}

static gboolean
orders_prepare(Load *load, PGconn *conn, GError **error)
{
    const OrderShape *shape = orders_shape(load->shape, error);

    load->model = shape != NULL ? orders_model_new(conn, shape, error) : NULL;
    return load->model != NULL;
}

static OrderSlot *
take_slot(OrderModel *model, GRand *random)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&model->lock);
    int first = g_rand_int_range(random, 0, ORDER_SLOTS);

    for (int step = 0; step < ORDER_SLOTS; step++) {
        OrderSlot *slot = &model->slots[(first + step) % ORDER_SLOTS];
        if (!slot->is_taken) {
            slot->is_taken = TRUE;
            return slot;
        }
    }
    return NULL;
}

static gpointer
orders_employ(Load *load, Version version, GRand *random)
{
    OrderModel *model = load->model;
    OrderSlot *slot = take_slot(model, random);
    Clerk *clerk = NULL;

    if (slot == NULL)
        return NULL;
    clerk = g_new0(Clerk, 1);
    clerk->load = load;
    clerk->model = model;
    clerk->slot = slot;
    clerk->random = g_rand_new_with_seed(load->seed + (guint32)slot->number * 7919u + version);
    clerk->changes = g_array_new(FALSE, FALSE, sizeof(OrderChange));
    orders_statements(model->shape, clerk->statements);
    clerk->session.random = clerk->random;
    clerk->session.statements = clerk->statements;
    clerk->session.n_statements = ORDER_STATEMENTS;
    clerk->session.prepares_anew = TRUE;
    return clerk;
}

static gboolean
orders_step(gpointer data)
{
    Clerk *clerk = data;
    int ticket = clerk_random(clerk, 100);

    for (guint n = 0; n < G_N_ELEMENTS(mixture); n++) {
        ticket -= mixture[n].share;
        if (ticket < 0)
            return mixture[n].run(clerk);
    }
    return TRUE;
}

static void
orders_dismiss(gpointer data)
{
    Clerk *clerk = data;

    orders_statements_free(clerk->statements);
    g_array_unref(clerk->changes);
    g_rand_free(clerk->random);
    g_mutex_lock(&clerk->model->lock);
    clerk->slot->is_taken = FALSE;
    g_mutex_unlock(&clerk->model->lock);
    g_free(clerk);
}

static gboolean
orders_compare_all(PGconn *conn, Load *load, Comparison *comparison, GError **error)
{
    return orders_compare(conn, load->model, comparison, error);
}

static void
orders_ignore(Load *load, const char *column)
{
    OrderModel *model = load->model;

    g_hash_table_add(model->ignored, g_strdup(column));
}

static void
orders_free(Load *load)
{
    g_clear_pointer((OrderModel **)&load->model, orders_model_free);
}

const Application orders_application = {
    .prepare = orders_prepare,
    .employ = orders_employ,
    .step = orders_step,
    .dismiss = orders_dismiss,
    .compare = orders_compare_all,
    .ignore = orders_ignore,
    .free = orders_free,
    .most_clients = ORDER_SLOTS,
    .table = "orders",
    .look_at_all = "SELECT count(*), sum(amount) FROM orders",
    .look_at_one = "SELECT code FROM orders LIMIT 1",
    .look_at_other = "SELECT id FROM order_lines LIMIT 1",
};
