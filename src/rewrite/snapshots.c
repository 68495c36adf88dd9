#include "rewrite/snapshots.h"

#include "base/error.h"
#include "rewrite/apply.h"
#include "rewrite_queries.h"
#include "run/journal.h"
#include "run/progress.h"
#include "run/throttle.h"

#define LOOK_MS 20
#define PASS_US 1000

void
snapshot_mark_clear(SnapshotMark *mark)
{
    g_clear_pointer(&mark->time, g_free);
    g_clear_pointer(&mark->xid, g_free);
}

gboolean
snapshots_mark(Rewrite *rewrite, SnapshotMark *ret, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);
    g_autoptr(DbResult) row = conn != NULL ? db_query(conn,
                                                      "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.xid AS xid, "
                                                      "pg_catalog.clock_timestamp() AS time",
                                                      DB_NONE, error)
                                           : NULL;

    if (row == NULL)
        return FALSE;
    snapshot_mark_clear(ret);
    ret->time = g_strdup(db_text(row, 0, "time"));
    ret->xid = g_strdup(db_text(row, 0, "xid"));
    return TRUE;
}

/* Who holds one, in words; an empty text: nobody. */
static gboolean
look(Rewrite *rewrite, const SnapshotMark *mark, gboolean is_locked, char **ret_who, GError **error)
{
    g_autofree char *id = db_int_text(rewrite->run->migration);
    g_autoptr(DbResult) rows = db_query(rewrite->run->watch, QUERY_OLD_SNAPSHOTS,
                                        DB_ARGS(mark->time, mark->xid, id, is_locked ? "true" : "false"), error);
    g_autoptr(GString) out = g_string_new(NULL);

    if (rows == NULL)
        return FALSE;
    for (int i = 0; i < db_rows(rows); i++) {
        const char *user = db_text(rows, i, "usename");
        const char *state = db_text(rows, i, "state");
        const char *query = db_text(rows, i, "query");

        g_string_append_printf(out, "%spid %s (%s, %s, %s, for %.0f s): %s", i > 0 ? "; " : "", db_text(rows, i, "pid"),
                               user != NULL ? user : "?", db_text(rows, i, "application_name"),
                               state != NULL ? state : "?", db_double(rows, i, "age_s"), query != NULL ? query : "");
    }
    *ret_who = g_string_free(g_steal_pointer(&out), FALSE);
    return TRUE;
}

static gboolean
give_up(Rewrite *rewrite, const char *who, GError **error)
{
    const RunOptions *options = &rewrite->run->options;

    if (options->on_old_snapshot == OLD_SNAPSHOT_PROCEED) {
        progress_say(
            rewrite->run->progress,
            "  going on although transactions with an older snapshot are there (--on-old-snapshot proceed); they "
            "will not see all rows of %s.%s: %s",
            rewrite->schema, rewrite->table, who);
        return TRUE;
    }
    seam_error_set(error, SEAM_ERROR_LOCK,
                   "transactions whose snapshot is older than the copy have not ended within %" G_GINT64_FORMAT " s",
                   options->snapshot_wait_ms / 1000);
    seam_error_detail(error, "%s\nthey would find the new table empty", who);
    seam_error_hint(error,
                    "`pgseam resume` tries again (--snapshot-wait for longer); --on-old-snapshot proceed does not "
                    "wait for them; `pgseam rollback` undoes");
    return FALSE;
}

gboolean
snapshots_wait(Rewrite *rewrite, const SnapshotMark *mark, GError **error)
{
    Run *run = rewrite->run;
    gint64 begun = g_get_monotonic_time();
    gboolean is_told = FALSE;

    for (;;) {
        g_autofree char *who = NULL;
        const Flow *flow = rewrite_flow(rewrite, error);

        if (flow == NULL || !throttle_refresh(run, error) || !look(rewrite, mark, FALSE, &who, error))
            return FALSE;
        if (who[0] == '\0')
            return !is_told || journal_set_reason(run->control, run->migration, NULL, error);
        if (g_get_monotonic_time() - begun > run->options.snapshot_wait_ms * 1000)
            return give_up(rewrite, who, error);
        if (!is_told && g_get_monotonic_time() - begun > G_USEC_PER_SEC) {
            g_autofree char *reason = g_strdup_printf("waiting for transactions whose snapshot is older than the copy, "
                                                      "which would find the new table empty: %s",
                                                      who);

            progress_say(run->progress, "  %s", reason);
            if (!journal_set_reason(run->control, run->migration, reason, error))
                return FALSE;
            is_told = TRUE;
        }
        if (!apply_until(rewrite, flow, 500, FALSE, error) || !run_sleep(run, LOOK_MS, error))
            return FALSE;
    }
}

gboolean
snapshots_pass(Rewrite *rewrite, gint64 deadline, GError **error)
{
    SnapshotMark mark = {NULL, NULL};
    gboolean ok = snapshots_mark(rewrite, &mark, error);

    while (ok) {
        g_autofree char *who = NULL;

        ok = look(rewrite, &mark, TRUE, &who, error);
        if (!ok || who[0] == '\0' || rewrite->run->options.on_old_snapshot == OLD_SNAPSHOT_PROCEED)
            break;
        if (g_get_monotonic_time() > deadline) {
            seam_error_set(error, SEAM_ERROR_LOCK,
                           "transactions that began before the last rows were applied are still there");
            seam_error_detail(error, "%s", who);
            ok = FALSE;
            break;
        }
        g_usleep(PASS_US);
    }
    snapshot_mark_clear(&mark);
    return ok;
}
