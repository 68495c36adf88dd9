#include "steps/common.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "run/journal.h"
#include "steps_queries.h"

#define COUNT_LIMIT_MS 60000

/* What must hold before the work is committed: afterwards it would be noted done. */
static gboolean
check_result(Run *run, const Step *step, GError **error)
{
    const char *sql = step_get(step, PARAM_CHECK);
    g_autoptr(DbResult) row = NULL;

    if (sql == NULL)
        return TRUE;
    row = db_query(run->work, sql, DB_NONE, error);
    if (row == NULL)
        return FALSE;
    if (db_rows(row) == 1 && g_strcmp0(db_text_at(row, 0, 0), "t") == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_DRIFT, "%s", step_get(step, PARAM_CHECK_TEXT));
    seam_error_hint(error,
                    "put it right, then `pgseam resume`; `pgseam rollback` undoes the migration if nothing final "
                    "is done");
    return FALSE;
}

gboolean
common_run_sql(Run *run, const Step *step, GError **error)
{
    return db_run(run->work, step->sql, DB_NONE, error) && common_run_all(run, step, PARAM_MORE, error) &&
           check_result(run, step, error);
}

gboolean
common_run_all(Run *run, const Step *step, const char *param, GError **error)
{
    const char *sql;

    for (guint n = 1; (sql = step_get_nth(step, param, n)) != NULL; n++) {
        if (!db_run(run->work, sql, DB_NONE, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
common_drop_constraint(Run *run, const Step *step, GError **error)
{
    return common_run_built(run,
                            sql_build("ALTER TABLE ? DROP CONSTRAINT ?", sql_name(step->schema, step->table),
                                      sql_ident(step_get(step, PARAM_CONSTRAINT))),
                            error);
}

gboolean
common_undo_with(Run *run, const Step *step, LockMode mode, GuardWork work, GError **error)
{
    Step undo = *step;
    gboolean ok;

    undo.locks = g_ptr_array_new();
    for (guint i = 0; i < step->locks->len; i++) {
        StepLock *lock = g_memdup2(g_ptr_array_index(step->locks, i), sizeof(*lock));

        lock->mode = mode;
        g_ptr_array_add(undo.locks, lock);
    }
    ok = guard_apply(run, &undo, work, GUARD_NOTE_UNDONE, error);
    g_ptr_array_foreach(undo.locks, (GFunc)(void (*)(void))g_free, NULL);
    g_ptr_array_unref(undo.locks);
    return ok;
}

static char *
describe_bad(const DbResult *count, const DbResult *rows)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "%s in all", db_text_at(count, 0, 0));
    for (int i = 0; i < db_rows(rows); i++)
        g_string_append_printf(text, "\n%s", db_text_at(rows, i, 0));
    return g_string_free(text, FALSE);
}

/* Before a migration is written down there is no fence, and nothing is written. */
static gboolean
begin_look(Run *run, GError **error)
{
    if (run->is_leased)
        return run_begin(run, COUNT_LIMIT_MS, error);
    return db_run(run->work, "BEGIN READ ONLY", DB_NONE, error) &&
           db_run(run->work, "SELECT pg_catalog.set_config('search_path', $1, true)", DB_ARGS(run->plan->search_path),
                  error);
}

gboolean
common_count_bad(Run *run, const Step *step, char **ret_text, GError **error)
{
    g_autoptr(DbResult) count = NULL;
    g_autoptr(DbResult) rows = NULL;
    g_autoptr(GError) why = NULL;

    *ret_text = NULL;
    if (step_get(step, PARAM_COUNT) == NULL)
        return TRUE;
    if (!begin_look(run, error) || !db_set_local_ms(run->work, "statement_timeout", COUNT_LIMIT_MS, error)) {
        db_abort(run->work);
        return FALSE;
    }
    count = db_query(run->work, step_get(step, PARAM_COUNT), DB_NONE, &why);
    if (count != NULL && strcmp(db_text_at(count, 0, 0), "0") != 0)
        rows = db_query(run->work, step_get(step, PARAM_SHOW), DB_NONE, &why);
    db_abort(run->work);
    if (rows != NULL)
        *ret_text = describe_bad(count, rows);
    if (why == NULL || seam_error_is(why, SEAM_ERROR_SQL))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

gboolean
common_run_built(Run *run, char *sql, GError **error)
{
    g_autofree char *owned = sql;

    return db_run(run->work, owned, DB_NONE, error);
}

gboolean
common_guarded(Run *run, const Step *step, GError **error)
{
    return guard_apply(run, step, common_run_sql, GUARD_NOTE_DONE, error);
}

gboolean
common_probe_journal(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    StepStatus status;

    if (!journal_step_status(run->control, run->migration, step->id, &status, error))
        return FALSE;
    *ret_state = status == STEP_DONE ? STEP_PRESENT : STEP_ABSENT;
    return TRUE;
}

gboolean
common_verify_present(Run *run, const Step *step, StepProbe probe, GError **error)
{
    StepState state;

    if (!probe(run, step, &state, error))
        return FALSE;
    if (state == STEP_PRESENT)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "step %d %s ran without an error, but its result is not there", step->id,
                   step_trait(step->kind)->name);
    seam_error_hint(error, "an event trigger or another session may have undone it; `pgseam rollback`");
    return FALSE;
}

gboolean
common_column_state(Run *run, const Step *step, ColumnState *ret, GError **error)
{
    g_autoptr(DbResult) row = db_query(
        run->control, QUERY_COLUMN_STATE,
        DB_ARGS(step->schema, step->table, step_get(step, PARAM_COLUMN), step_get(step, PARAM_CONSTRAINT)), error);

    if (row == NULL)
        return FALSE;
    memset(ret, 0, sizeof(*ret));
    if (db_rows(row) == 0)
        return TRUE;
    ret->exists = db_bool(row, 0, "column_exists");
    ret->is_not_null = db_bool(row, 0, "is_not_null");
    ret->has_default = db_bool(row, 0, "has_default");
    ret->has_constraint = db_bool(row, 0, "has_constraint");
    ret->is_valid = db_bool(row, 0, "is_valid");
    return TRUE;
}
