#include "steps/common.h"

#include <string.h>

#include "base/error.h"
#include "run/journal.h"
#include "steps_queries.h"

gboolean
common_run_sql(Run *run, const Step *step, GError **error)
{
    return db_run(run->work, step->sql, DB_NONE, error);
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
