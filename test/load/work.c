#include "work.h"

/* Of a hundred transactions. Reads prevail, as in a shop. */
static const struct {
    int share;
    gboolean (*run)(Worker *);
} mixture[] = {
    {28, operation_point},      {10, operation_join},     {6, operation_order},        {15, operation_balance},
    {9, operation_profile},     {4, operation_add_user},  {5, operation_upsert},       {7, operation_add_order},
    {5, operation_many},        {3, operation_savepoint}, {3, operation_update_order}, {4, operation_delete_order},
    {1, operation_delete_user},
};

int
work_random(Worker *worker, int limit)
{
    return g_rand_int_range(worker->random, 0, limit);
}

gboolean
work_step(Worker *worker)
{
    int ticket = work_random(worker, 100);

    for (guint n = 0; n < G_N_ELEMENTS(mixture); n++) {
        ticket -= mixture[n].share;
        if (ticket < 0)
            return mixture[n].run(worker);
    }
    return TRUE;
}

void
work_stage(Worker *worker, TableId table, const Row *row)
{
    Change change = {table, *row};

    g_array_append_val(worker->changes, change);
}

gboolean
work_write(Worker *worker, StatementId id, const Params *params, int rows)
{
    g_autoptr(PGresult) result = session_run(&worker->session, id, params);

    if (result == NULL)
        return FALSE;
    if (g_ascii_strtoll(PQcmdTuples(result), NULL, 10) != rows)
        stats_mismatch(worker->session.stats, "%s: %s of %s touched %s rows instead of %d", worker->session.name,
                       PQcmdStatus(result), params->text[0], PQcmdTuples(result), rows);
    return TRUE;
}

gboolean
work_settle(Worker *worker, gboolean ok)
{
    for (guint n = 0; n < worker->changes->len; n++) {
        const Change *change = &g_array_index(worker->changes, Change, n);
        if (ok)
            model_apply(worker->model, worker->slot, change->table, &change->row);
        else if (worker->session.unknown)
            model_unsure(worker->model, worker->slot, change->table, &change->row);
    }
    g_array_set_size(worker->changes, 0);
    if (ok)
        stats_transaction(worker->session.stats);
    return ok;
}

gboolean
work_begin(Worker *worker)
{
    return session_command(&worker->session, "BEGIN");
}

gboolean
work_end(Worker *worker, gboolean ok)
{
    /* Before COMMIT was sent a lost connection cannot have committed anything. */
    if (!ok) {
        worker->session.unknown = FALSE;
        return work_settle(worker, FALSE);
    }
    return work_settle(worker, session_command(&worker->session, "COMMIT"));
}
