#include "run/standby.h"

#include <string.h>

#include "base/error.h"
#include "run_queries.h"

#define TICK_MS    100
#define PATIENCE_S 3
#define REOPEN_S   1

typedef struct Standby {
    const char *target; /* of the options */
    Run *run;
    DbConn *conn;
    char *label;    /* from the connection; stays when it is lost */
    char *last_lsn; /* of the primary, at the last look */
    char *why_not;  /* why it cannot be asked */
    gint64 next_try;
    gint64 asked; /* monotonic microseconds */
} Standby;

static void
standby_free(gpointer data)
{
    Standby *standby = data;

    g_clear_pointer(&standby->conn, db_close);
    g_free(standby->label);
    g_free(standby->last_lsn);
    g_free(standby->why_not);
    g_free(standby);
}

/* The list of the run, as the options have it now: they may change while we run. */
static const GPtrArray *
standbys(Run *run)
{
    guint n = g_strv_length((GStrv)run->options.standbys);
    gboolean same = run->standbys != NULL && run->standbys->len == n;

    for (guint i = 0; same && i < n; i++)
        same = ((const Standby *)g_ptr_array_index(run->standbys, i))->target == run->options.standbys[i];
    if (same)
        return run->standbys;
    g_clear_pointer(&run->standbys, g_ptr_array_unref);
    run->standbys = g_ptr_array_new_with_free_func(standby_free);
    for (guint i = 0; i < n; i++) {
        Standby *standby = g_new0(Standby, 1);

        standby->target = run->options.standbys[i];
        standby->run = run;
        g_ptr_array_add(run->standbys, standby);
    }
    return run->standbys;
}

static const char *
label_of(const Standby *standby)
{
    return standby->label != NULL ? standby->label : standby->target;
}

/* A standby that does not answer must not stop our heartbeat, nor us. */
static gboolean
tick(gpointer data, GError **error)
{
    Standby *standby = data;

    if (!run_tick(standby->run, error))
        return FALSE;
    if (g_get_monotonic_time() - standby->asked < PATIENCE_S * G_USEC_PER_SEC)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "no answer within %d s", PATIENCE_S);
    return FALSE;
}

/* What happened on a standby is not to be taken for something that happened to our own sessions. */
static void
set_not_asked(Standby *standby, const GError *why, GError **error)
{
    g_autofree char *reason = g_strdup(why->message);

    if (seam_error_is(why, SEAM_ERROR_CANCELLED) || seam_error_is(why, SEAM_ERROR_FENCED)) {
        g_propagate_error(error, g_error_copy(why));
        return;
    }
    g_free(standby->why_not);
    standby->why_not = g_strdup(reason);
    standby->next_try = g_get_monotonic_time() + REOPEN_S * G_USEC_PER_SEC;
    g_clear_pointer(&standby->conn, db_close);
    seam_error_set(error, SEAM_ERROR_FAILED, "standby %s cannot be asked: %s", label_of(standby), reason);
    seam_error_hint(error, "`pgseam throttle --standby ''` goes on without it");
}

static DbResult *
ask(Standby *standby, const char *query, int n_values, const char *const *values, GError **error)
{
    g_autoptr(GError) why = NULL;
    DbResult *result;

    standby->asked = g_get_monotonic_time();
    result = db_query(standby->conn, query, n_values, values, &why);
    if (result == NULL)
        set_not_asked(standby, why, error);
    return result;
}

/* Another server's standby would tell us nothing, and another database's locks are not seen under the same names. */
static gboolean
check_identity(Standby *standby, GError **error)
{
    g_autoptr(DbResult) here = db_query(standby->run->control, QUERY_PRIMARY_WAL, DB_NONE, error);
    g_autoptr(DbResult) there = here != NULL ? ask(standby, QUERY_STANDBY_IDENTITY, DB_NONE, error) : NULL;
    gboolean is_ours;

    if (there == NULL)
        return FALSE;
    is_ours = strcmp(db_text(here, 0, "system"), db_text(there, 0, "system")) == 0;
    if (is_ours && strcmp(db_text(here, 0, "database"), db_text(there, 0, "database")) == 0)
        return TRUE;
    if (is_ours)
        seam_error_set(error, SEAM_ERROR_REFUSED, "--standby %s leads to database \"%s\", not to \"%s\"",
                       label_of(standby), db_text(there, 0, "database"), db_text(here, 0, "database"));
    else
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s is not a standby of this server", label_of(standby));
    seam_error_hint(error, "the target of --standby names the same database on a standby of the primary");
    g_clear_pointer(&standby->conn, db_close);
    return FALSE;
}

static gboolean
standby_open(Standby *standby, GError **error)
{
    g_autofree char *name = g_strdup_printf("pgseam/%s/standby", standby->run->plan->migration);
    g_autoptr(GError) why = NULL;

    if (standby->conn != NULL && !db_is_lost(standby->conn))
        return TRUE;
    g_clear_pointer(&standby->conn, db_close);
    if (g_get_monotonic_time() < standby->next_try) {
        seam_error_set(error, SEAM_ERROR_FAILED, "standby %s cannot be asked: %s", label_of(standby), standby->why_not);
        return FALSE;
    }
    /* Connecting does not tick: several that are down must not add up to a silence. */
    if (!run_tick(standby->run, error))
        return FALSE;
    standby->conn = db_open_standby(standby->target, name, &why);
    if (standby->conn == NULL) {
        set_not_asked(standby, why, error);
        return FALSE;
    }
    g_free(standby->label);
    standby->label = g_strdup(db_place(standby->conn));
    db_forgo_cancel(standby->conn);
    db_on_wait(standby->conn, TICK_MS, tick, standby);
    return check_identity(standby, error);
}

gboolean
standby_check(Run *run, GError **error)
{
    const GPtrArray *list = standbys(run);

    for (guint i = 0; i < list->len; i++) {
        Standby *standby = g_ptr_array_index(list, i);

        standby->next_try = 0;
        if (!standby_open(standby, error)) {
            if (error != NULL && seam_error_is(*error, SEAM_ERROR_FAILED))
                seam_error_recode(error, SEAM_ERROR_REFUSED);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
read_lag(Standby *standby, const DbResult *primary, StandbyLag *bytes, StandbyLag *ms, GError **error)
{
    const char *lsn = db_text(primary, 0, "lsn");
    g_autoptr(DbResult) row = NULL;

    if (!standby_open(standby, error))
        return FALSE;
    row = ask(standby, QUERY_STANDBY_LAG, DB_ARGS(lsn, standby->last_lsn, db_text(primary, 0, "now")), error);
    if (row == NULL)
        return FALSE;
    g_free(standby->last_lsn);
    standby->last_lsn = g_strdup(lsn);
    if (bytes->label == NULL || db_int(row, 0, "bytes") > bytes->bytes)
        *bytes = (StandbyLag){label_of(standby), db_int(row, 0, "bytes"), db_int(row, 0, "ms")};
    if (ms->label == NULL || db_int(row, 0, "ms") > ms->ms)
        *ms = (StandbyLag){label_of(standby), db_int(row, 0, "bytes"), db_int(row, 0, "ms")};
    return TRUE;
}

gboolean
standby_lag(Run *run, StandbyLag *ret_bytes, StandbyLag *ret_ms, GError **error)
{
    const GPtrArray *list = standbys(run);
    g_autoptr(DbResult) primary = NULL;

    *ret_bytes = *ret_ms = (StandbyLag){NULL, 0, 0};
    if (list->len == 0)
        return TRUE;
    primary = db_query(run->control, QUERY_PRIMARY_WAL, DB_NONE, error);
    for (guint i = 0; primary != NULL && i < list->len; i++) {
        if (!read_lag(g_ptr_array_index(list, i), primary, ret_bytes, ret_ms, error))
            return FALSE;
    }
    return primary != NULL;
}

/* Like blockers_find(), but with the patience of ask(). */
static gboolean
add_blockers(Standby *standby, const GPtrArray *targets, GPtrArray *blockers, GError **error)
{
    g_autoptr(GPtrArray) found = NULL;
    g_autoptr(GError) why = NULL;

    if (!standby_open(standby, error))
        return FALSE;
    standby->asked = g_get_monotonic_time();
    found = blockers_find(standby->conn, targets, 0, &why);
    if (found == NULL) {
        set_not_asked(standby, why, error);
        return FALSE;
    }
    for (guint i = 0; i < found->len; i++) {
        Blocker *blocker = g_ptr_array_index(found, i);

        blocker->standby = g_strdup(label_of(standby));
        blocker->kind = BLOCKER_STANDBY;
    }
    g_ptr_array_extend_and_steal(blockers, g_steal_pointer(&found));
    return TRUE;
}

gboolean
standby_blockers(Run *run, const GPtrArray *targets, GPtrArray *blockers, GError **error)
{
    const GPtrArray *list = standbys(run);
    g_autoptr(GPtrArray) replayed = g_ptr_array_new();

    for (guint i = 0; i < targets->len; i++) {
        if (((const LockTarget *)g_ptr_array_index(targets, i))->mode == LOCK_ACCESS_EXCLUSIVE)
            g_ptr_array_add(replayed, g_ptr_array_index(targets, i));
    }
    for (guint i = 0; replayed->len > 0 && i < list->len; i++) {
        if (!add_blockers(g_ptr_array_index(list, i), replayed, blockers, error))
            return FALSE;
    }
    return TRUE;
}

DbConn *
standby_session(Run *run, const char *label)
{
    const GPtrArray *list = standbys(run);

    for (guint i = 0; i < list->len; i++) {
        const Standby *standby = g_ptr_array_index(list, i);

        if (standby->conn != NULL && strcmp(label_of(standby), label) == 0)
            return standby->conn;
    }
    return NULL;
}
