#include "rewrite/verify.h"

#include "base/error.h"
#include "rewrite/capture.h"
#include "rewrite/compare.h"
#include "run/progress.h"

typedef struct Verification {
    Rewrite *rewrite;
    const Flow *flow;
    DbConn *conn;
} Verification;

/* Whether the source was truncated is asked in a transaction that is rolled back: who catches up has to be told again.
 */
static gboolean
was_truncated(const Verification *verification, gboolean *ret_truncated, GError **error)
{
    gboolean is_known;

    if (!db_run(verification->conn, "BEGIN", DB_NONE, error))
        return FALSE;
    is_known =
        capture_take_truncate(verification->rewrite, verification->flow, verification->conn, ret_truncated, error);
    db_abort(verification->conn);
    return is_known;
}

/* After the cut-over triggers capture, in the application's own transactions: nothing to wait for. */
static gboolean
wait_for_capture(const Verification *verification, GError **error)
{
    Rewrite *rewrite = verification->rewrite;
    gboolean is_synced = FALSE;

    if (rewrite->is_swapped)
        return TRUE;
    if (!capture_ops(rewrite->capture_kind)->sync(rewrite, 0, &is_synced, error))
        return FALSE;
    if (!is_synced)
        seam_error_set(error, SEAM_ERROR_FAILED, "capture does not catch up with the changes of %s",
                       verification->flow->source);
    return is_synced;
}

static gboolean
sync_capture(gpointer data, GError **error)
{
    const Verification *verification = data;
    gboolean is_truncated = FALSE;

    if (!wait_for_capture(verification, error) || !was_truncated(verification, &is_truncated, error))
        return FALSE;
    if (!is_truncated)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "%s was truncated while it was compared", verification->flow->source);
    seam_error_hint(error, "`pgseam resume` empties %s as well and compares again", verification->flow->target);
    return FALSE;
}

static void
show_progress(gpointer data, double blocks, double total)
{
    const Verification *verification = data;
    Progress *progress = verification->rewrite->run->progress;

    if (blocks > 0) {
        progress_at(progress, blocks, NULL);
        return;
    }
    progress_begin(progress, "blocks compared", total);
}

static gboolean
compare(Verification *verification, VerifyReport *ret, GError **error)
{
    const Run *run = verification->rewrite->run;
    CompareHost host = {
        .conn = verification->conn,
        .jobs = MAX(run->options.copy_jobs, 1),
        .search_path = run->plan->search_path,
        .time_zone = run->plan->time_zone,
        .date_style = run->plan->date_style,
        .sync = sync_capture,
        .progress = show_progress,
        .data = verification,
    };

    host.workers = workers_of(verification->rewrite, host.jobs, error);
    return host.workers != NULL && compare_flow(&host, verification->flow, ret, error);
}

gboolean
verify_flow(Rewrite *rewrite, const Flow *flow, VerifyReport *ret, GError **error)
{
    g_autoptr(DbConn) conn = rewrite_session(rewrite, "verify", error);
    Verification verification = {rewrite, flow, conn};
    gboolean is_done;

    if (conn == NULL)
        return FALSE;
    is_done = compare(&verification, ret, error);
    progress_end(rewrite->run->progress);
    if (!is_done || ret->n_differences == 0)
        return is_done;
    verify_report_error(ret, flow, error);
    seam_error_hint(error, "the tables were not exchanged, %s is as it was: `pgseam rollback`, and please report this",
                    flow->source);
    return FALSE;
}
