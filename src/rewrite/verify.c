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
    Rewrite *rewrite = verification->rewrite;
    gboolean is_known;

    if (!db_run(verification->conn, "BEGIN", DB_NONE, error))
        return FALSE;
    is_known = capture_ops(rewrite->capture_kind)->take_truncate(rewrite, verification->conn, ret_truncated, error);
    db_abort(verification->conn);
    return is_known;
}

static gboolean
sync_capture(gpointer data, GError **error)
{
    const Verification *verification = data;
    Rewrite *rewrite = verification->rewrite;
    gboolean is_synced = FALSE;
    gboolean is_truncated = FALSE;

    if (!capture_ops(rewrite->capture_kind)->sync(rewrite, 0, &is_synced, error))
        return FALSE;
    if (!is_synced) {
        seam_error_set(error, SEAM_ERROR_FAILED, "capture does not catch up with the changes of %s",
                       verification->flow->source);
        return FALSE;
    }
    if (!was_truncated(verification, &is_truncated, error))
        return FALSE;
    if (is_truncated) {
        seam_error_set(error, SEAM_ERROR_FAILED, "%s was truncated while it was compared", verification->flow->source);
        seam_error_hint(error, "`pgseam resume` empties %s as well and compares again", verification->flow->target);
    }
    return !is_truncated;
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

static void
set_difference(const VerifyReport *report, const Flow *flow, GError **error)
{
    g_autofree char *text = verify_report_text(report, flow);
    g_autofree char *keys = NULL;

    g_ptr_array_add(report->differences, NULL);
    keys = g_strjoinv("\n", (char **)report->differences->pdata);
    g_ptr_array_remove_index(report->differences, report->differences->len - 1);
    seam_error_set(error, SEAM_ERROR_FAILED, "%s", text);
    seam_error_detail(error, "%s", keys);
    seam_error_hint(error,
                    "the tables were not exchanged and %s is untouched: `pgseam rollback`, and please report what "
                    "happened",
                    flow->source);
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
    if (is_done && ret->n_differences > 0)
        set_difference(ret, flow, error);
    return is_done && ret->n_differences == 0;
}
