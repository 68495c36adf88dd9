#include "run/rollout.h"

#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "db/array.h"
#include "run/journal.h"
#include "run/rollout_row.h"
#include "run_queries.h"

static void
rollout_free(gpointer data)
{
    Rollout *rollout = data;

    g_free(rollout->name);
    g_ptr_array_unref(rollout->cohorts);
    g_free(rollout->frozen_because);
    g_free(rollout->reads);
    g_free(rollout->writes);
    g_free(rollout->changed_at);
    g_free(rollout->changed_by);
    g_free(rollout);
}

static void
event_free(gpointer data)
{
    RolloutEvent *event = data;

    g_free(event->at);
    g_free(event->action);
    g_free(event->role);
    g_free(event->client);
    g_free(event->before);
    g_free(event->after);
    g_free(event->reason);
    g_free(event);
}

static Rollout *
read_rollout(const DbResult *rows, int i)
{
    Rollout *rollout = g_new0(Rollout, 1);

    rollout->name = g_strdup(db_text(rows, i, "name"));
    if (!rollout_parse_stage(db_text(rows, i, "stage"), &rollout->stage))
        g_assert_not_reached(); /* a constraint of the table */
    rollout->percent = db_text(rows, i, "hundredths") != NULL ? (int)db_int(rows, i, "hundredths") : -1;
    rollout->cohorts = db_array(rows, i, "cohorts");
    rollout->frozen_because = g_strdup(db_text(rows, i, "frozen_because"));
    rollout->reads = g_strdup(db_text(rows, i, "reads"));
    rollout->writes = g_strdup(db_text(rows, i, "writes"));
    rollout->changed_at = g_strdup(db_text(rows, i, "changed_at"));
    rollout->changed_by = g_strdup(db_text(rows, i, "changed_by"));
    return rollout;
}

static RolloutEvent *
read_event(const DbResult *rows, int i)
{
    RolloutEvent *event = g_new0(RolloutEvent, 1);

    event->at = g_strdup(db_text(rows, i, "at"));
    event->action = g_strdup(db_text(rows, i, "action"));
    event->role = g_strdup(db_text(rows, i, "role"));
    event->client = g_strdup(db_text(rows, i, "client"));
    event->before = g_strdup(db_text(rows, i, "before"));
    event->after = g_strdup(db_text(rows, i, "after"));
    event->reason = g_strdup(db_text(rows, i, "reason"));
    return event;
}

static gboolean
has_functions(DbConn *conn, gboolean *ret_has, GError **error)
{
    g_autoptr(DbResult) row =
        db_query(conn, "SELECT pg_catalog.to_regproc('pgseam.rollout_state') IS NOT NULL AS has", DB_NONE, error);

    if (row != NULL)
        *ret_has = db_bool(row, 0, "has");
    return row != NULL;
}

/* Whether there can be rollouts: there may be no journal, or an older one, or one that never had any. */
static gboolean
knows_rollouts(DbConn *conn, gboolean *ret_knows, GError **error)
{
    return journal_exists(conn, ret_knows, error) && (!*ret_knows || has_functions(conn, ret_knows, error));
}

static GPtrArray *
query_list(DbConn *conn, const char *name, GError **error)
{
    g_autoptr(DbResult) rows = db_query(conn, QUERY_ROLLOUT_LIST, DB_ARGS(name), error);
    GPtrArray *list;

    if (rows == NULL)
        return NULL;
    list = g_ptr_array_new_with_free_func(rollout_free);
    for (int i = 0; i < db_rows(rows); i++)
        g_ptr_array_add(list, read_rollout(rows, i));
    return list;
}

GPtrArray *
rollout_list(DbConn *conn, const char *name, GError **error)
{
    gboolean knows = FALSE;

    if (!knows_rollouts(conn, &knows, error))
        return NULL;
    return knows ? query_list(conn, name, error) : g_ptr_array_new_with_free_func(rollout_free);
}

GPtrArray *
rollout_history(DbConn *conn, const char *name, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(event_free);
    g_autoptr(DbResult) rows = NULL;
    gboolean knows = FALSE;

    if (!knows_rollouts(conn, &knows, error))
        return NULL;
    rows = knows ? db_query(conn, QUERY_ROLLOUT_HISTORY, DB_ARGS(name), error) : NULL;
    if (knows && rows == NULL)
        return NULL;
    for (int i = 0; rows != NULL && i < db_rows(rows); i++)
        g_ptr_array_add(list, read_event(rows, i));
    return g_steal_pointer(&list);
}

char *
rollout_row_client(void)
{
    g_autofree char *name = g_strdup_printf("%s@%s", g_get_user_name(), g_get_host_name());

    return g_utf8_make_valid(name, -1);
}

GPtrArray *
rollout_row_lock(DbConn *conn, const char *name, GError **error)
{
    if (!db_run(conn, "SELECT FROM pgseam.rollout AS r WHERE r.name = $1::text FOR UPDATE", DB_ARGS(name), error))
        return NULL;
    return query_list(conn, name, error);
}

gboolean
rollout_row_put(DbConn *conn, const Rollout *rollout, const char *action, const char *because, GError **error)
{
    g_autofree char *percent = rollout->percent >= 0 ? rollout_percent_text(rollout->percent) : NULL;
    g_autofree char *cohorts = db_array_text(rollout->cohorts);
    g_autofree char *client = rollout_row_client();

    return db_run(conn, QUERY_ROLLOUT_PUT,
                  DB_ARGS(rollout->name, rollout_stage_name(rollout->stage), percent, cohorts, rollout->frozen_because,
                          action, client, because),
                  error);
}

static gboolean
has_key(const GPtrArray *keys, const char *key, guint *ret_at)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)keys, key, g_str_equal, ret_at);
}

/* The cohort keys after a change. NULL with an error for one that is not there: it may be misspelt, and the one that is
 * meant would stay. */
static GPtrArray *
changed_cohorts(const Rollout *from, const RolloutChange *change, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
    guint at;

    for (guint i = 0; i < from->cohorts->len; i++)
        g_ptr_array_add(keys, g_strdup(g_ptr_array_index(from->cohorts, i)));
    for (guint i = 0; change->remove != NULL && change->remove[i] != NULL; i++) {
        if (!has_key(keys, change->remove[i], &at)) {
            seam_error_set(error, SEAM_ERROR_REFUSED, "%s is no cohort key of rollout %s", change->remove[i],
                           from->name);
            seam_error_hint(error, "`pgseam rollout show` lists them");
            return NULL;
        }
        g_ptr_array_remove_index(keys, at);
    }
    for (guint i = 0; change->add != NULL && change->add[i] != NULL; i++) {
        if (!has_key(keys, change->add[i], NULL))
            g_ptr_array_add(keys, g_strdup(change->add[i]));
    }
    return g_steal_pointer(&keys);
}

static gboolean
is_same(const Rollout *one, const Rollout *other)
{
    gboolean same =
        one->stage == other->stage && one->percent == other->percent && one->cohorts->len == other->cohorts->len;

    for (guint i = 0; same && i < one->cohorts->len; i++)
        same = has_key(other->cohorts, g_ptr_array_index(one->cohorts, i), NULL);
    return same;
}

static gboolean
set_locked(DbConn *conn, const Rollout *from, const RolloutChange *change, GError **error)
{
    g_autoptr(GPtrArray) cohorts = changed_cohorts(from, change, error);
    Rollout to = *from;

    if (cohorts == NULL)
        return FALSE;
    to.stage = change->stage;
    to.percent = change->percent >= 0 ? change->percent : from->percent;
    to.cohorts = cohorts;
    if (!rollout_check_change(from, &to, change->is_forced, error))
        return FALSE;
    if (is_same(from, &to))
        return TRUE;
    return rollout_row_put(conn, &to, "set", change->because, error) &&
           (to.stage == from->stage || rollout_figures_begin_period(conn, to.name, error));
}

static gboolean
check_name(const char *name, GError **error)
{
    if (name[0] != '\0' && strlen(name) <= NAME_MAX_BYTES)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_USAGE, "a rollout's name has 1 to %d bytes, not %" G_GSIZE_FORMAT, NAME_MAX_BYTES,
                   strlen(name));
    return FALSE;
}

static gboolean
set_in_transaction(DbConn *conn, const char *name, const RolloutChange *change, GError **error)
{
    g_autofree char *client = rollout_row_client();
    const char *because = change->stage == ROLLOUT_OFF ? change->because : NULL; /* else the next line has it */
    g_autoptr(GPtrArray) found = NULL;

    /* Two who make it at once: the second waits here for the first, and then finds its row. Somebody who drops it
     * between the two statements makes us begin again. */
    do {
        g_autoptr(DbResult) made = db_query(conn, QUERY_ROLLOUT_CREATE, DB_ARGS(name, client, because), error);

        g_clear_pointer(&found, g_ptr_array_unref);
        /* One of that name may have gone while the application reported. */
        if (made == NULL || (db_affected(made) > 0 && !rollout_figures_forget(conn, name, error)))
            return FALSE;
        found = rollout_row_lock(conn, name, error);
    } while (found != NULL && found->len == 0);
    return found != NULL && set_locked(conn, g_ptr_array_index(found, 0), change, error);
}

/* What the application calls, and what each needs once it is there. Reporting may freeze: nobody may who was not told.
 */
static const struct {
    const char *signature;
    const char *create;
    const char *then;
} functions[] = {
    {"pgseam.rollout_version(text,text)", QUERY_CREATE_ROLLOUT_VERSION, NULL},
    {"pgseam.rollout_state(text)", QUERY_CREATE_ROLLOUT_STATE, NULL},
    {"pgseam.rollout_report(text,text,boolean,text)", QUERY_CREATE_ROLLOUT_REPORT,
     "REVOKE ALL ON FUNCTION pgseam.rollout_report(text, text, boolean, text) FROM PUBLIC"},
};

/* One that is there stays as it is: it may have another owner. */
static gboolean
ensure_function(DbConn *conn, guint i, gboolean may_make, gboolean *ret_has, GError **error)
{
    g_autoptr(DbResult) row = db_query(conn, "SELECT pg_catalog.to_regprocedure($1::text) IS NOT NULL AS has",
                                       DB_ARGS(functions[i].signature), error);

    if (row == NULL)
        return FALSE;
    *ret_has = db_bool(row, 0, "has");
    if (*ret_has || !may_make)
        return TRUE;
    return db_run(conn, functions[i].create, DB_NONE, error) &&
           (functions[i].then == NULL || db_run(conn, functions[i].then, DB_NONE, error));
}

static gboolean
each_function(DbConn *conn, gboolean may_make, gboolean *ret_has_all, GError **error)
{
    *ret_has_all = TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(functions); i++) {
        gboolean has = FALSE;

        if (!ensure_function(conn, i, may_make, &has, error))
            return FALSE;
        *ret_has_all = *ret_has_all && has;
    }
    return TRUE;
}

/* The functions come with the first rollout: a database that has none is not given any, and needs no plpgsql. */
static gboolean
ensure_functions(DbConn *conn, GError **error)
{
    gboolean has = FALSE;

    if (!each_function(conn, FALSE, &has, error) || has)
        return has;
    if (db_run(conn, "BEGIN", DB_NONE, error) && journal_lock(conn, error) && each_function(conn, TRUE, &has, error) &&
        db_commit(conn, error))
        return TRUE;
    db_abort(conn);
    return FALSE;
}

gboolean
rollout_row_ensure(DbConn *conn, GError **error)
{
    return journal_check_publications(conn, JOURNAL_NEWEST, FALSE, error) && journal_ensure(conn, error) &&
           ensure_functions(conn, error);
}

gboolean
rollout_set(DbConn *conn, const char *name, const RolloutChange *change, GError **error)
{
    if (!check_name(name, error) || !rollout_row_ensure(conn, error))
        return FALSE;
    if (db_run(conn, "BEGIN", DB_NONE, error) && set_in_transaction(conn, name, change, error) &&
        db_commit(conn, error))
        return TRUE;
    db_abort(conn);
    return FALSE;
}

void
rollout_row_unknown(const char *name, GError **error)
{
    seam_error_set(error, SEAM_ERROR_REFUSED, "there is no rollout %s", name);
    seam_error_hint(error, "`pgseam rollout` lists them");
}

/* What one does to a rollout that must be there. */
typedef struct Deed {
    gboolean (*act)(DbConn *conn, Rollout *rollout, const struct Deed *deed, GError **error);
    const char *because;
    gboolean is_forced;
} Deed;

static gboolean
act_on(DbConn *conn, const char *name, const Deed *deed, GError **error)
{
    g_autoptr(GPtrArray) found = NULL;
    gboolean knows = FALSE;

    if (!knows_rollouts(conn, &knows, error))
        return FALSE;
    if (knows && !db_run(conn, "BEGIN", DB_NONE, error))
        return FALSE;
    found = knows ? rollout_row_lock(conn, name, error) : g_ptr_array_new();
    if (found != NULL && found->len == 0) {
        rollout_row_unknown(name, error);
    } else if (found != NULL && deed->act(conn, g_ptr_array_index(found, 0), deed, error) && db_commit(conn, error)) {
        return TRUE;
    }
    db_abort(conn);
    return FALSE;
}

static gboolean
freeze(DbConn *conn, Rollout *rollout, const Deed *deed, GError **error)
{
    if (rollout->stage == ROLLOUT_COMPLETE) {
        seam_error_set(error, SEAM_ERROR_REFUSED,
                       "rollout %s is complete: there is no old version to go back to, the application has written the "
                       "new side only",
                       rollout->name);
        return FALSE;
    }
    if (rollout->frozen_because != NULL)
        return TRUE;
    rollout->frozen_because = g_strdup(deed->because);
    return rollout_row_put(conn, rollout, "freeze", deed->because, error);
}

static gboolean
unfreeze(DbConn *conn, Rollout *rollout, const Deed *deed, GError **error)
{
    if (rollout->frozen_because == NULL)
        return TRUE;
    g_clear_pointer(&rollout->frozen_because, g_free);
    return rollout_row_put(conn, rollout, "unfreeze", deed->because, error) &&
           rollout_figures_begin_period(conn, rollout->name, error);
}

static gboolean
drop(DbConn *conn, Rollout *rollout, const Deed *deed, GError **error)
{
    g_autofree char *client = rollout_row_client();

    return rollout_check_drop(rollout, deed->is_forced, error) && rollout_figures_forget(conn, rollout->name, error) &&
           db_run(conn, QUERY_ROLLOUT_DROP, DB_ARGS(rollout->name, client, deed->because), error);
}

gboolean
rollout_freeze(DbConn *conn, const char *name, const char *because, GError **error)
{
    const Deed deed = {freeze, because, FALSE};

    return act_on(conn, name, &deed, error);
}

gboolean
rollout_unfreeze(DbConn *conn, const char *name, const char *because, GError **error)
{
    const Deed deed = {unfreeze, because, FALSE};

    return act_on(conn, name, &deed, error);
}

gboolean
rollout_drop(DbConn *conn, const char *name, const char *because, gboolean is_forced, GError **error)
{
    const Deed deed = {drop, because, is_forced};

    return act_on(conn, name, &deed, error);
}
