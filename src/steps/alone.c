#include "steps/alone.h"

#include "base/error.h"
#include "run/fault.h"
#include "run/patience.h"
#include "run/progress.h"
#include "steps_queries.h"

#define TICK_MS 200

/* A build in the making, for its tick. */
typedef struct Build {
    Run *run;
    const char *leftover; /* what an interruption leaves behind */
    gint64 blocked_since; /* monotonic microseconds; 0: it goes on */
} Build;

static gboolean
show_progress(Run *run, GError **error)
{
    g_autofree char *pid = g_strdup_printf("%d", db_backend_pid(run->work));
    g_autoptr(DbResult) row = db_query(run->watch, QUERY_INDEX_PROGRESS, DB_ARGS(pid), error);
    g_autofree char *reason = NULL;

    if (row == NULL)
        return FALSE;
    if (db_rows(row) == 0)
        return TRUE;
    reason = db_int(row, 0, "current_locker_pid") != 0
                 ? g_strdup_printf("%s: pid %" G_GINT64_FORMAT, db_text(row, 0, "phase"),
                                   db_int(row, 0, "current_locker_pid"))
                 : g_strdup(db_text(row, 0, "phase"));
    progress_expect(run->progress, db_double(row, 0, "blocks_total"));
    progress_at(run->progress, db_double(row, 0, "blocks_done"), reason);
    return TRUE;
}

/* Waiting for other transactions blocks nobody, but not for longer than the deadline. */
static gboolean
check_deadline(Build *build, GError **error)
{
    Run *run = build->run;
    g_autofree char *who = NULL;
    gint64 now = g_get_monotonic_time();

    if (!patience_watch_work(run, &who, error))
        return FALSE;
    if (who == NULL)
        build->blocked_since = 0;
    else if (build->blocked_since == 0)
        build->blocked_since = now;
    if (who == NULL || now - build->blocked_since < (gint64)run->options.lock_deadline_s * G_USEC_PER_SEC)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_LOCK, "%s of %s.%s has been waiting for other transactions for %d s",
                   step_trait(run->step->kind)->name, run->step->schema, run->step->table,
                   run->options.lock_deadline_s);
    seam_error_detail(error, "%s", who);
    seam_error_hint(error, "%s`pgseam resume` tries again, `pgseam rollback` undoes", build->leftover);
    return FALSE;
}

static gboolean
tick_build(gpointer data, GError **error)
{
    Build *build = data;

    return run_tick(build->run, error) && show_progress(build->run, error) && check_deadline(build, error);
}

static gboolean
run_alone(Run *run, const char *sql, const char *leftover, int lock_timeout_ms, GError **error)
{
    static const char set_timeout[] = "SELECT pg_catalog.set_config('lock_timeout', $1, false)";
    Build build = {run, leftover, 0};
    g_autofree char *timeout = g_strdup_printf("%d", lock_timeout_ms);
    gboolean ok = run_prepare_alone(run, error) && db_run(run->work, set_timeout, DB_ARGS(timeout), error) &&
                  fault_point(run, "alone.before", error);

    if (ok) {
        db_on_wait(run->work, TICK_MS, tick_build, &build);
        ok = db_run(run->work, sql, DB_NONE, error);
        db_on_wait(run->work, 100, run_tick, run);
    }
    run_restore(run);
    return ok && fault_point(run, "alone.after", error);
}

gboolean
alone_run(Run *run, const char *sql, const char *leftover, GError **error)
{
    return run_alone(run, sql, leftover, 0, error);
}

gboolean
alone_run_briefly(Run *run, const char *sql, GError **error)
{
    return run_alone(run, sql, "", run_lock_timeout(run, 3), error);
}
