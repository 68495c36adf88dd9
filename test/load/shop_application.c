#include "applications.h"

#include "baseline.h"
#include "compare.h"
#include "work.h"

static gboolean
shop_prepare(Load *load, PGconn *conn, GError **error)
{
    Shop shop = {0};

    if (!shop_detect(conn, &shop, error))
        return FALSE;
    load->model = model_new(&shop);
    return baseline_adopt(conn, load->model, error);
}

static gpointer
shop_employ(Load *load, Version version, GRand *random)
{
    Slot *slot = model_take_slot(load->model, random);
    Worker *worker = NULL;

    if (slot == NULL)
        return NULL;
    worker = g_new0(Worker, 1);
    worker->model = load->model;
    worker->slot = slot;
    worker->random = g_rand_new_with_seed(load->seed + (guint32)slot->number * 7919u + version);
    worker->changes = g_array_new(FALSE, FALSE, sizeof(Change));
    worker->run_name = load->run_name;
    worker->session.random = worker->random;
    worker->session.statements = shop_statements;
    worker->session.n_statements = STATEMENTS;
    return worker;
}

static gboolean
shop_step(gpointer worker)
{
    return work_step(worker);
}

static void
shop_dismiss(gpointer data)
{
    Worker *worker = data;

    g_array_unref(worker->changes);
    g_rand_free(worker->random);
    model_return_slot(worker->model, worker->slot);
    g_free(worker);
}

static gboolean
shop_compare(PGconn *conn, Load *load, Comparison *comparison, GError **error)
{
    return compare_all(conn, load->model, comparison, error);
}

static void
shop_ignore(Load *load, const char *column)
{
    model_ignore(load->model, column);
}

static void
shop_free(Load *load)
{
    g_clear_pointer((Model **)&load->model, model_free);
}

const Application shop_application = {
    .prepare = shop_prepare,
    .employ = shop_employ,
    .step = shop_step,
    .dismiss = shop_dismiss,
    .compare = shop_compare,
    .ignore = shop_ignore,
    .free = shop_free,
    .most_clients = SLOTS,
    .table = "users",
    .look_at_all = "SELECT count(*), sum(balance) FROM users",
    .look_at_one = "SELECT id, name FROM users LIMIT 1",
    .look_at_other = "SELECT id, total FROM orders LIMIT 1",
};
