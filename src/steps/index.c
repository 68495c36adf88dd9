/*
 * index.create and index.drop: concurrently, outside of any transaction.
 *
 * CREATE INDEX CONCURRENTLY that fails leaves an INVALID index which still costs writes, and a unique one still rejects
 * rows (manual, CREATE INDEX, "Building Indexes Concurrently"): it is dropped at once where we can, and by the next run
 * otherwise.
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "run/blockers.h"
#include "run/fault.h"
#include "run/progress.h"
#include "steps/common.h"
#include "steps/ops.h"
#include "steps_queries.h"

#define TICK_MS      200
#define MAX_ATTEMPTS 3

static gboolean
probe_index(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    g_autoptr(DbResult) row = db_query(run->control, QUERY_RELATION_STATE,
                                       DB_ARGS(step->schema, step_get(step, PARAM_INDEX), step->table), error);

    if (row == NULL)
        return FALSE;
    *ret_state = db_rows(row) == 0 ? STEP_ABSENT : db_bool(row, 0, "is_valid") ? STEP_PRESENT : STEP_PARTIAL;
    return TRUE;
}

static gboolean
probe_index_gone(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    StepState state;

    if (!probe_index(run, step, &state, error))
        return FALSE;
    *ret_state = state == STEP_ABSENT ? STEP_PRESENT : STEP_ABSENT;
    return TRUE;
}

static gboolean
verify_index(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_index, error);
}

static gboolean
verify_index_gone(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_index_gone, error);
}

/* A build in the making, for its tick. */
typedef struct Build {
    Run *run;
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

    if (!blockers_of_session(run->watch, db_backend_pid(run->work), &who, error))
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
    seam_error_hint(error,
                    "an INVALID index %s may be left, which still costs writes: `pgseam resume` tries again, `pgseam "
                    "rollback` undoes",
                    step_get(run->step, PARAM_INDEX));
    return FALSE;
}

static gboolean
tick_build(gpointer data, GError **error)
{
    Build *build = data;

    return run_tick(build->run, error) && show_progress(build->run, error) && check_deadline(build, error);
}

/* One statement outside of a transaction, with our settings before and after. */
static gboolean
run_alone(Run *run, const char *sql, GError **error)
{
    Build build = {run, 0};
    gboolean ok = run_prepare_alone(run, error) && fault_point(run, "alone.before", error);

    if (ok) {
        db_on_wait(run->work, TICK_MS, tick_build, &build);
        ok = db_run(run->work, sql, DB_NONE, error);
        db_on_wait(run->work, 100, run_tick, run);
    }
    run_restore(run);
    return ok && fault_point(run, "alone.after", error);
}

static gboolean
drop_index(Run *run, const Step *step, GError **error)
{
    g_autofree char *sql =
        sql_build("DROP INDEX CONCURRENTLY IF EXISTS ?", sql_name(step->schema, step_get(step, PARAM_INDEX)));

    return run_alone(run, sql, error);
}

/* Take away what a failed build has left, if the server still talks to us; the error of the build is the one to tell.
 */
static void
clean_up(Run *run, const Step *step, GError **error)
{
    g_autoptr(GError) why = NULL;
    StepState state = STEP_ABSENT;

    if (db_is_lost(run->work) || !probe_index(run, step, &state, &why) || state != STEP_PARTIAL)
        return;
    progress_say(run->progress, "  the build failed; dropping the INVALID index it left");
    if (!drop_index(run, step, &why))
        seam_error_hint(error,
                        "an INVALID index %s is left, which still costs writes: `pgseam resume` or `pgseam rollback` "
                        "drops it",
                        step_get(step, PARAM_INDEX));
}

static gboolean
create_index(Run *run, const Step *step, GError **error)
{
    for (int attempt = 1;; attempt++) {
        g_autoptr(GError) why = NULL;

        if (run_alone(run, step->sql, &why))
            return TRUE;
        if (seam_error_is(why, SEAM_ERROR_SQL))
            clean_up(run, step, &why);
        if (seam_error_is(why, SEAM_ERROR_CANCELLED))
            seam_error_hint(&why,
                            "an INVALID index %s may be left, which still costs writes: `pgseam resume` or `pgseam "
                            "rollback` drops it",
                            step_get(step, PARAM_INDEX));
        if (seam_error_has_sqlstate(why, "23505"))
            seam_error_hint(&why,
                            "remove the duplicates, then `pgseam resume`; `pgseam rollback` undoes the migration");
        /* A deadlock with the application's own DDL or VACUUM: PostgreSQL chose us, so it did no harm. */
        if (!seam_error_has_sqlstate(why, "40P01") || attempt == MAX_ATTEMPTS) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
    }
}

static gboolean
run_drop(Run *run, const Step *step, GError **error)
{
    return run_alone(run, step->sql, error);
}

const StepOps step_index_create = {probe_index, create_index, drop_index, verify_index, drop_index};
const StepOps step_index_drop = {probe_index_gone, run_drop, NULL, verify_index_gone, NULL};
