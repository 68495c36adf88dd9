#include "run/lease.h"

#include <unistd.h>

#include "base/error.h"
#include "run/cancel.h"
#include "run/progress.h"
#include "run_queries.h"

#define HEARTBEAT_MS 1000
#define POLL_MS      250
#define ENDING_S     10   /* how long sessions that were told to end may take */
#define LIVELY_MS    2500 /* a heartbeat that moves within this time is a living runner */

typedef struct Ids {
    char migration[32];
    char token[32];
} Ids;

static Ids
ids_of(const Run *run)
{
    Ids ids;

    g_snprintf(ids.migration, sizeof(ids.migration), "%" G_GINT64_FORMAT, run->migration);
    g_snprintf(ids.token, sizeof(ids.token), "%" G_GINT64_FORMAT, run->token);
    return ids;
}

static char *
own_backends(const Run *run)
{
    return g_strdup_printf("{%d,%d,%d}", db_backend_pid(run->control), db_backend_pid(run->work),
                           db_backend_pid(run->watch));
}

static void
set_fenced(const Run *run, GError **error)
{
    seam_error_set(error, SEAM_ERROR_FENCED,
                   "another pgseam has taken over migration %s; nothing more is written from here",
                   run->plan->migration);
    seam_error_hint(error, "see `pgseam status`");
}

static gboolean
check_found(const Run *run, const DbResult *row, GError **error)
{
    if (row != NULL && db_rows(row) == 0)
        set_fenced(run, error);
    return row != NULL && db_rows(row) > 0;
}

static void
set_busy(const Run *run, const DbResult *runner, GError **error)
{
    seam_error_set(error, SEAM_ERROR_FENCED, "migration %s is being run by another pgseam (%s, pid %s on %s)",
                   run->plan->migration, db_text(runner, 0, "command"), db_text(runner, 0, "pid"),
                   db_text(runner, 0, "host"));
    seam_error_detail(error, "its last sign of life was %.1f s ago", db_double(runner, 0, "silent_s"));
    seam_error_hint(error, "let it finish or stop it there (Ctrl-C, SIGTERM), then `pgseam resume`");
}

/* Wait until the recorded runner is gone or has been silent for the lease timeout; `run->token` then is the token that
 * goes with it. FALSE: it lives, or we are stopped. */
static gboolean
wait_for_silence(Run *run, GError **error)
{
    Ids ids = ids_of(run);
    g_autofree char *first = NULL;
    gboolean told = FALSE;

    for (;;) {
        g_autoptr(DbResult) runner = db_query(run->control, QUERY_RUNNER, DB_ARGS(ids.migration), error);

        if (runner == NULL)
            return FALSE;
        g_assert(db_rows(runner) == 1);
        run->token = db_int(runner, 0, "fence_token");
        if (!db_bool(runner, 0, "is_recorded") || !db_bool(runner, 0, "is_alive") ||
            db_double(runner, 0, "silent_s") >= run->options.lease_timeout_s)
            return TRUE;
        if (first == NULL)
            first = g_strdup(db_text(runner, 0, "heartbeat"));
        else if (g_strcmp0(first, db_text(runner, 0, "heartbeat")) != 0) {
            set_busy(run, runner, error);
            return FALSE;
        }
        if (!told && db_double(runner, 0, "silent_s") * 1000 > LIVELY_MS && run->progress != NULL) {
            progress_say(run->progress, "pgseam pid %s on %s holds the migration but is silent; taking over after %d s",
                         db_text(runner, 0, "pid"), db_text(runner, 0, "host"), run->options.lease_timeout_s);
            told = TRUE;
        }
        if (!cancel_check(error))
            return FALSE;
        g_usleep(POLL_MS * 1000);
    }
}

/* End what the older runner, or a session of ours that we have lost, may still be doing, and wait until it is gone.
 * Sessions that we have in hand are not among them. */
static gboolean
end_older_sessions(Run *run, GError **error)
{
    Ids ids = ids_of(run);
    g_autofree char *backends = own_backends(run);
    gint64 give_up = g_get_monotonic_time() + (gint64)ENDING_S * G_USEC_PER_SEC;

    if (!db_run(run->control, QUERY_RUNNER_KILL, DB_ARGS(ids.migration, backends, ids.token), error)) {
        if (error != NULL && seam_error_has_sqlstate(*error, "42501")) {
            seam_error_recode(error, SEAM_ERROR_FENCED);
            seam_error_hint(error,
                            "another role began migration %s and its sessions are still there: connect as that role",
                            run->plan->migration);
        }
        return FALSE;
    }
    for (;;) {
        g_autoptr(DbResult) left =
            db_query(run->control, QUERY_RUNNER_GONE, DB_ARGS(ids.migration, backends, ids.token), error);

        if (left == NULL)
            return FALSE;
        if (db_int(left, 0, "left_over") == 0)
            return TRUE;
        if (g_get_monotonic_time() > give_up) {
            seam_error_set(error, SEAM_ERROR_FENCED, "sessions of the older pgseam of migration %s do not end",
                           run->plan->migration);
            seam_error_hint(error, "see `pgseam locks`, end them, then `pgseam resume`");
            return FALSE;
        }
        g_usleep(50 * 1000);
    }
}

/* From run->token to the next one, with us as its runner; `ret_raised` FALSE if somebody else was faster. What
 * `control` writes from now on carries the token. */
static gboolean
raise_token(Run *run, const char *command, gboolean *ret_raised, GError **error)
{
    Ids ids = ids_of(run);
    g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
    g_autofree char *backends = own_backends(run);
    g_autoptr(DbResult) row =
        db_query(run->control, QUERY_RUNNER_TAKE,
                 DB_ARGS(ids.migration, ids.token, g_get_host_name(), pid, command, backends), error);

    if (row == NULL)
        return FALSE;
    *ret_raised = db_rows(row) == 1;
    if (!*ret_raised)
        return TRUE;
    run->token = db_int(row, 0, "token");
    ids = ids_of(run);
    return db_run(run->control, "SELECT pg_catalog.set_config('pgseam.token', $1, false)", DB_ARGS(ids.token), error);
}

/* Its sessions first: they may hold the token's row in a long transaction. An older runner that comes back in between
 * raises the token itself; who was faster is seen at the next turn. */
gboolean
lease_take(Run *run, const char *command, GError **error)
{
    gboolean raised = FALSE;

    while (!raised) {
        if (!wait_for_silence(run, error) || !end_older_sessions(run, error) ||
            !raise_token(run, command, &raised, error))
            return FALSE;
    }
    run->is_leased = TRUE;
    run->next_heartbeat = 0;
    return TRUE;
}

void
lease_release(Run *run)
{
    Ids ids = ids_of(run);

    db_run(run->control, "DELETE FROM pgseam.runner WHERE migration_id = $1::bigint AND token = $2::bigint",
           DB_ARGS(ids.migration, ids.token), NULL);
    run->is_leased = FALSE;
}

/* A limit as the server takes it; NULL leaves it as it is. */
static char *
limit_text(int milliseconds)
{
    return milliseconds == RUN_LIMIT_KEEP ? NULL : g_strdup_printf("%d", milliseconds);
}

gboolean
lease_fence_on(Run *run, DbConn *conn, const RunLimits *limits, GError **error)
{
    Ids ids = ids_of(run);
    g_autofree char *idle = g_strdup_printf("%d", limits->idle_ms);
    g_autofree char *lock = limit_text(limits->lock_ms);
    g_autofree char *statement = limit_text(limits->statement_ms);
    g_autoptr(DbResult) row = db_query(conn, QUERY_FENCE,
                                       DB_ARGS(ids.migration, ids.token, run->plan->search_path, run->plan->time_zone,
                                               idle, run->plan->date_style, lock, statement),
                                       error);

    return check_found(run, row, error);
}

gboolean
lease_fence(Run *run, const RunLimits *limits, GError **error)
{
    return lease_fence_on(run, run->work, limits, error);
}

gboolean
lease_add_session(Run *run, const DbConn *conn, GError **error)
{
    Ids ids = ids_of(run);
    g_autofree char *pid = g_strdup_printf("%d", db_backend_pid(conn));
    g_autoptr(DbResult) result = NULL;

    if (!run->is_leased)
        return TRUE;
    result = db_query(run->control, QUERY_RUNNER_ADD, DB_ARGS(ids.migration, ids.token, pid), error);
    if (result != NULL && db_affected(result) == 0)
        set_fenced(run, error);
    return result != NULL && db_affected(result) == 1;
}

gboolean
lease_check(Run *run, GError **error)
{
    Ids ids = ids_of(run);
    g_autoptr(DbResult) row =
        db_query(run->work, "SELECT FROM pgseam.fence WHERE migration_id = $1::bigint AND token = $2::bigint",
                 DB_ARGS(ids.migration, ids.token), error);

    return check_found(run, row, error);
}

gboolean
lease_heartbeat(Run *run, GError **error)
{
    Ids ids = ids_of(run);
    g_autoptr(DbResult) result = NULL;

    if (g_get_monotonic_time() < run->next_heartbeat)
        return TRUE;
    run->next_heartbeat = g_get_monotonic_time() + HEARTBEAT_MS * 1000;
    result = db_query(run->control, QUERY_HEARTBEAT, DB_ARGS(ids.migration, ids.token), error);
    if (result == NULL)
        return FALSE;
    if (db_affected(result) == 0) {
        set_fenced(run, error);
        return FALSE;
    }
    return TRUE;
}

/* The lost session may still be at work on the server, even committing: it is ended and fenced before we look where we
 * are. */
gboolean
lease_adopt_sessions(Run *run, GError **error)
{
    gboolean raised = FALSE;

    if (!run->is_leased)
        return TRUE;
    if (!lease_check(run, error) || !end_older_sessions(run, error) || !raise_token(run, "again", &raised, error))
        return FALSE;
    if (!raised)
        set_fenced(run, error);
    return raised;
}
