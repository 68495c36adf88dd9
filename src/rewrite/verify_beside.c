#include "base/error.h"
#include "rewrite/compare.h"
#include "run/progress.h"

/* Triggers note a key in the transaction that changes the row: one snapshot shows both, there is nothing to wait for
 * but fewer rows to look at. A slot is read a moment later. */
#define PATIENCE_MS      1000
#define PATIENCE_SLOT_MS 15000
#define ATTEMPTS         3

/* The state that the comparison began in: if it is another one at the end, tables were exchanged or filled anew. */
typedef struct Look {
    gboolean is_indexed;
    gboolean is_swapped;
    gboolean is_dropped;
    int restarts;
} Look;

static Look
look_of(const Rewrite *rewrite)
{
    return (Look){rewrite->is_indexed, rewrite->is_swapped, rewrite->is_dropped, rewrite->restarts};
}

static gboolean
is_same_look(Look a, Look b)
{
    return a.is_indexed == b.is_indexed && a.is_swapped == b.is_swapped && a.is_dropped == b.is_dropped &&
           a.restarts == b.restarts;
}

static gboolean
is_by_slot(const Rewrite *rewrite)
{
    return !rewrite->is_swapped && g_strcmp0(rewrite->capture_kind, "logical") == 0;
}

static gboolean
check_comparable(const Rewrite *rewrite, gboolean is_run, GError **error)
{
    if (rewrite->is_dropped) {
        seam_error_set(error, SEAM_ERROR_REFUSED,
                       "there is nothing left to compare %s.%s with: the old table is dropped", rewrite->schema,
                       rewrite->table);
        return FALSE;
    }
    if (!rewrite->is_indexed) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "the copy of %s.%s is not complete yet", rewrite->schema,
                       rewrite->table);
        seam_error_hint(error, "`pgseam status` says how far it is");
        return FALSE;
    }
    /* A slot keeps what was changed, but nobody reads it: no difference could be told from a change. */
    if (!is_run && is_by_slot(rewrite)) {
        seam_error_set(error, SEAM_ERROR_REFUSED,
                       "nobody runs the migration, so it is not known which rows of %s.%s have "
                       "changed since",
                       rewrite->schema, rewrite->table);
        seam_error_hint(error,
                        "`pgseam resume` goes on, comparing before the cut-over; `pgseam verify` works beside it");
        return FALSE;
    }
    return TRUE;
}

static DbConn *
open_worker(gpointer data, int number, GError **error)
{
    const Run *run = data;
    g_autofree char *name = g_strdup_printf("pgseam/%s/verify%d", run->plan->migration, number);

    return db_open(run->options.target, name, error);
}

static gboolean
sleep_of_run(gpointer data, int milliseconds, GError **error)
{
    return run_sleep(data, milliseconds, error);
}

static void
show_progress(gpointer data, double blocks, double total)
{
    const Run *run = data;

    if (blocks > 0)
        progress_at(run->progress, blocks, NULL);
    else
        progress_begin(run->progress, "blocks compared", total);
}

static gboolean
compare(Rewrite *rewrite, const Flow *flow, VerifyReport *ret, GError **error)
{
    Run *run = rewrite->run;
    g_autoptr(DbConn) conn = open_worker(run, 0, error);
    g_autoptr(Workers) workers = workers_new(&(WorkersHost){open_worker, run_tick, run});
    const CompareHost host = {
        .conn = conn,
        .workers = workers,
        .jobs = MAX(run->options.copy_jobs, 1),
        .search_path = run->plan->search_path,
        .time_zone = run->plan->time_zone,
        .date_style = run->plan->date_style,
        .patience_ms = is_by_slot(rewrite) ? PATIENCE_SLOT_MS : PATIENCE_MS,
        .sleep = sleep_of_run,
        .progress = show_progress,
        .data = run,
    };
    gboolean is_done;

    if (conn == NULL)
        return FALSE;
    db_on_wait(conn, 100, run_tick, run);
    is_done = compare_flow(&host, flow, ret, error);
    progress_end(run->progress);
    return is_done;
}

static gboolean
compare_now(Rewrite *rewrite, gboolean is_run, VerifyReport *ret, const Flow **ret_flow, GError **error)
{
    if (!check_comparable(rewrite, is_run, error) || !rewrite_check(rewrite, error) ||
        !rewrite_read_flow(rewrite, error))
        return FALSE;
    *ret_flow = rewrite_flow(rewrite, error);
    return *ret_flow != NULL && compare(rewrite, *ret_flow, ret, error);
}

gboolean
verify_beside(Rewrite *rewrite, gboolean is_run, VerifyReport *ret, const Flow **ret_flow, GError **error)
{
    g_autoptr(GError) why = NULL;

    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        gboolean is_done;
        Look before;

        g_clear_error(&why);
        verify_report_clear(ret);
        if (!rewrite_reload(rewrite, error))
            return FALSE;
        before = look_of(rewrite);
        is_done = compare_now(rewrite, is_run, ret, ret_flow, &why);
        if (!is_done && !seam_error_is(why, SEAM_ERROR_SQL) && !seam_error_is(why, SEAM_ERROR_DRIFT))
            break;
        if (!rewrite_reload(rewrite, error))
            return FALSE;
        if (!is_same_look(before, look_of(rewrite)))
            continue;
        if (is_done)
            return TRUE;
        break;
    }
    if (why == NULL)
        seam_error_set(&why, SEAM_ERROR_FAILED, "the tables were exchanged each time they were compared");
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}
