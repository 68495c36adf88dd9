#include "run/run.h"

#include <string.h>

#include "base/error.h"
#include "run/cancel.h"
#include "run/lease.h"
#include "run/patience.h"
#include "run/progress.h"
#include "run/settings.h"
#include "run/throttle.h"

#define TICK_MS         100
#define SESSION_IDLE_MS 60000

void
run_options_init(RunOptions *options)
{
    *options = (RunOptions){
        .lock_budget_ms = 250,
        .lock_deadline_s = 900,
        .lease_timeout_s = 10,
        .reconnect_s = 30,
    };
    settings_init(options);
}

static char *
session_name(const Run *run, const char *role)
{
    return g_strdup_printf("pgseam/%s/%s", run->plan->migration, role);
}

static gboolean
open_one(Run *run, DbConn **conn, const char *role, gboolean ticks, GError **error)
{
    g_autofree char *name = session_name(run, role);

    if (*conn != NULL && !db_is_lost(*conn))
        return TRUE;
    g_clear_pointer(conn, db_close);
    *conn = db_open(run->options.target, name, error);
    if (*conn != NULL && ticks)
        db_on_wait(*conn, TICK_MS, run_tick, run);
    return *conn != NULL;
}

static gboolean
read_deadlock_timeout(Run *run, GError **error)
{
    g_autoptr(DbResult) row =
        db_query(run->watch,
                 "SELECT (extract(epoch FROM pg_catalog.current_setting('deadlock_timeout')::interval) "
                 "* 1000)::int AS ms",
                 DB_NONE, error);

    if (row != NULL)
        run->deadlock_ms = (int)db_int(row, 0, "ms");
    return row != NULL;
}

gboolean
run_open(Run *run, const char *migration_name, GError **error)
{
    return open_one(run, &run->control, "control", FALSE, error) && open_one(run, &run->watch, "watch", FALSE, error) &&
           open_one(run, &run->work, "work", TRUE, error) && read_deadlock_timeout(run, error);
}

int
run_lock_timeout(const Run *run, int fifths)
{
    return MAX(1, MIN(run->options.lock_budget_ms * fifths / 5, run->deadlock_ms / 3));
}

void
run_close_companion(Run *run)
{
    RunCompanion companion = run->companion;

    run->companion = (RunCompanion){0};
    if (companion.data != NULL)
        companion.close(companion.data);
}

void
run_close(Run *run)
{
    run_close_companion(run);
    if (run->is_leased && run->control != NULL && !db_is_lost(run->control))
        lease_release(run);
    g_clear_pointer(&run->work, db_close);
    g_clear_pointer(&run->watch, db_close);
    g_clear_pointer(&run->control, db_close);
    g_clear_pointer(&run->progress, progress_free);
    g_clear_pointer(&run->standbys, g_ptr_array_unref);
    g_clear_pointer(&run->throttle, throttle_free);
    g_clear_pointer(&run->patience, patience_free);
    g_clear_pointer(&run->plan, plan_free);
}

gboolean
run_reopen(Run *run, GError **error)
{
    gint64 give_up = g_get_monotonic_time() + (gint64)run->options.reconnect_s * G_USEC_PER_SEC;
    g_autoptr(GError) why = NULL;

    run_close_companion(run);
    for (;;) {
        g_clear_error(&why);
        if (run_open(run, run->plan->migration, &why) && lease_adopt_sessions(run, &why))
            return TRUE;
        if (!seam_error_is(why, SEAM_ERROR_LOST) || g_get_monotonic_time() > give_up) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        if (!cancel_check(error))
            return FALSE;
        g_usleep(200 * 1000);
    }
}

gboolean
run_name_sessions(Run *run, const Step *step, GError **error)
{
    g_autofree char *name = session_name(run, step_trait(step->kind)->name);

    run->step = step;
    return db_run(run->work, "SELECT pg_catalog.set_config('application_name', $1, false)", DB_ARGS(name), error);
}

gboolean
run_begin_limited(Run *run, const RunLimits *limits, GError **error)
{
    return db_run(run->work, "BEGIN", DB_NONE, error) && lease_fence(run, limits, error);
}

gboolean
run_begin(Run *run, int idle_ms, GError **error)
{
    return run_begin_limited(run, &(RunLimits){idle_ms, RUN_LIMIT_KEEP, RUN_LIMIT_KEEP}, error);
}

gboolean
run_commit(Run *run, GError **error)
{
    return db_commit(run->work, error);
}

gboolean
run_prepare_alone(Run *run, GError **error)
{
    return lease_check(run, error) &&
           db_run(
               run->work,
               "SELECT pg_catalog.set_config('search_path', $1, false), pg_catalog.set_config('TimeZone', $2, false), "
               "pg_catalog.set_config('lock_timeout', '0', false), "
               "pg_catalog.set_config('DateStyle', 'ISO, ' || pg_catalog.split_part($3, ', ', 2), false)",
               DB_ARGS(run->plan->search_path, run->plan->time_zone, run->plan->date_style), error);
}

void
run_restore(Run *run)
{
    if (!db_is_lost(run->work))
        db_run(run->work,
               "SELECT pg_catalog.set_config('search_path', '', false), pg_catalog.set_config('lock_timeout', '5000', "
               "false)",
               DB_NONE, NULL);
}

DbConn *
run_session(Run *run, const char *role, GError **error)
{
    g_autoptr(DbConn) conn = NULL;

    if (!open_one(run, &conn, role, TRUE, error) ||
        !db_run(conn,
                "SELECT pg_catalog.set_config('search_path', $1, false), pg_catalog.set_config('TimeZone', $2, false), "
                "pg_catalog.set_config('DateStyle', 'ISO, ' || pg_catalog.split_part($3, ', ', 2), false)",
                DB_ARGS(run->plan->search_path, run->plan->time_zone, run->plan->date_style), error) ||
        !lease_add_session(run, conn, error))
        return NULL;
    return g_steal_pointer(&conn);
}

gboolean
run_begin_on(Run *run, DbConn *conn, const char *isolation, GError **error)
{
    static const RunLimits limits = {SESSION_IDLE_MS, RUN_LIMIT_KEEP, RUN_LIMIT_KEEP};

    return db_run(conn, isolation != NULL ? "BEGIN ISOLATION LEVEL REPEATABLE READ" : "BEGIN", DB_NONE, error) &&
           lease_fence_on(run, conn, &limits, error);
}

RunFence
run_fence(const Run *run)
{
    RunFence fence;

    g_snprintf(fence.migration, sizeof(fence.migration), "%" G_GINT64_FORMAT, run->migration);
    g_snprintf(fence.token, sizeof(fence.token), "%" G_GINT64_FORMAT, run->token);
    return fence;
}

gboolean
run_check_fence(DbConn *conn, const RunFence *fence, GError **error)
{
    g_autoptr(DbResult) row =
        db_query(conn,
                 "SELECT pg_catalog.set_config('synchronous_commit', 'local', true) FROM pgseam.fence WHERE "
                 "migration_id = $1::bigint AND token = $2::bigint FOR SHARE",
                 DB_ARGS(fence->migration, fence->token), error);

    if (row == NULL)
        return FALSE;
    if (db_rows(row) == 1)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FENCED, "another pgseam has taken over; nothing more is written from here");
    seam_error_hint(error, "see `pgseam status`");
    return FALSE;
}

static gboolean
pump_companion(Run *run, GError **error)
{
    gboolean ok;

    if (run->companion.data == NULL || run->is_pumping)
        return TRUE;
    run->is_pumping = TRUE;
    ok = run->companion.pump(run->companion.data, error);
    run->is_pumping = FALSE;
    return ok;
}

gboolean
run_tick(gpointer data, GError **error)
{
    Run *run = data;

    if (!cancel_check(error))
        return FALSE;
    return (!run->is_leased || lease_heartbeat(run, error)) && pump_companion(run, error);
}

void
run_place_error(const Step *step, GError **error)
{
    static const SeamErrorCode others[] = {SEAM_ERROR_LOST, SEAM_ERROR_CANCELLED, SEAM_ERROR_FENCED};
    gboolean is_of_step = step->file != NULL && error != NULL && *error != NULL;

    for (guint i = 0; is_of_step && i < G_N_ELEMENTS(others); i++)
        is_of_step = !seam_error_is(*error, others[i]);
    if (is_of_step)
        g_prefix_error(error, "%s: ", step->place);
}

gboolean
run_sleep(Run *run, int milliseconds, GError **error)
{
    gint64 until = g_get_monotonic_time() + (gint64)milliseconds * 1000;

    do {
        gint64 left = until - g_get_monotonic_time();

        if (!run_tick(run, error))
            return FALSE;
        if (left > 0)
            g_usleep((gulong)MIN(left, TICK_MS * 1000));
    } while (g_get_monotonic_time() < until);
    return TRUE;
}
