#include "rewrite/trigger.h"

#include "base/sqltext.h"
#include "rewrite/shape.h"
#include "rewrite_queries.h"
#include "run/guard.h"

const TriggerSet trigger_forward = {"pgseam_capture", REWRITE_DIRTY, "pgseam_capture_mark"};
const TriggerSet trigger_reverse = {"pgseam_reverse", REWRITE_REVERSE, "pgseam_reverse_mark"};

/* The new table's key columns, under the names that the source had. */
static gboolean
create_reverse_dirty(Rewrite *rewrite, const TriggerSet *set, DbConn *conn, GError **error)
{
    g_autofree char *table = rewrite_source_name(rewrite);
    g_autofree char *forward = rewrite_own_name(rewrite, REWRITE_DIRTY);
    g_autoptr(DbResult) keys = db_query(conn, QUERY_REVERSE_KEYS, DB_ARGS(table, forward), error);

    return keys != NULL && shape_create_dirty(rewrite, conn, set->dirty, keys, error);
}

gboolean
trigger_create(Rewrite *rewrite, const TriggerSet *set, DbConn *conn, GError **error)
{
    g_autofree char *table = rewrite_source_name(rewrite);
    g_autoptr(DbResult) statements = NULL;

    if (set == &trigger_reverse && !create_reverse_dirty(rewrite, set, conn, error))
        return FALSE;
    statements = db_query(conn, QUERY_TRIGGER_STATEMENTS,
                          DB_ARGS(table, rewrite->name, set->prefix, set->dirty, set->mark), error);
    return statements != NULL && shape_run_all(conn, statements, error);
}

static gboolean
read_drop(Rewrite *rewrite, const TriggerSet *set, DbConn *conn, DbResult **ret, GError **error)
{
    *ret = db_query(conn, QUERY_TRIGGER_DROP, DB_ARGS(rewrite->name, set->prefix), error);
    return *ret != NULL;
}

gboolean
trigger_exists(Rewrite *rewrite, const TriggerSet *set, gboolean *ret_exists, GError **error)
{
    g_autoptr(DbResult) statements = NULL;

    if (!read_drop(rewrite, set, rewrite->run->control, &statements, error))
        return FALSE;
    *ret_exists = db_rows(statements) > 0;
    return TRUE;
}

/* Which set a guarded removal is about: the guard's work gets only run and step. */
static gboolean
drop_set(Run *run, const Step *step, const TriggerSet *set, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);
    g_autoptr(DbResult) statements = NULL;

    return rewrite != NULL && read_drop(rewrite, set, run->work, &statements, error) &&
           shape_run_all(run->work, statements, error);
}

static gboolean
drop_forward(Run *run, const Step *step, GError **error)
{
    return drop_set(run, step, &trigger_forward, error);
}

static gboolean
drop_reverse(Run *run, const Step *step, GError **error)
{
    return drop_set(run, step, &trigger_reverse, error);
}

/* DROP TRIGGER takes ACCESS EXCLUSIVE (src/backend/commands/trigger.c, RemoveTriggerById). */
static gboolean
drop_live(Rewrite *rewrite, const TriggerSet *set, const Step *step, const DbResult *home, GError **error)
{
    const char *schema = db_text(home, 0, "schema");
    const char *table = db_text(home, 0, "table");
    Step *locked = step_new(step->phase, step->kind, schema, table);
    gboolean ok;

    locked->id = step->id;
    step_set(locked, PARAM_REWRITE, rewrite->name);
    step_add_lock(locked, schema, table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
    ok = guard_apply(rewrite->run, locked, set == &trigger_forward ? drop_forward : drop_reverse, GUARD_NOTE_NOTHING,
                     error);
    step_free(locked);
    return ok;
}

gboolean
trigger_remove(Rewrite *rewrite, const TriggerSet *set, const Step *step, gboolean is_live, GError **error)
{
    gboolean exists = TRUE;
    g_autoptr(DbResult) home = NULL;

    if (!trigger_exists(rewrite, set, &exists, error) || !exists)
        return !exists;
    home = db_query(rewrite->run->control, QUERY_TRIGGER_HOME, DB_ARGS(rewrite->name, set->prefix), error);
    if (home == NULL)
        return FALSE;
    /* Somebody may have renamed or dropped the table: with it the triggers are gone, the functions are not. */
    if (is_live && db_rows(home) > 0)
        return drop_live(rewrite, set, step, home, error);
    if (run_begin(rewrite->run, 60000, error) && drop_set(rewrite->run, step, set, error) &&
        run_commit(rewrite->run, error))
        return TRUE;
    db_abort(rewrite->run->work);
    return FALSE;
}

gboolean
trigger_take_truncate(Rewrite *rewrite, const TriggerSet *set, DbConn *conn, gboolean *ret_truncated, GError **error)
{
    g_autofree char *sql = sql_build("DELETE FROM ?", sql_name(rewrite->name, set->mark));
    g_autoptr(DbResult) result = db_query(conn, sql, DB_NONE, error);

    if (result != NULL)
        *ret_truncated = db_affected(result) > 0;
    return result != NULL;
}
