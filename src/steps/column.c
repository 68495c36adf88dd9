/*
 * column.add, column.drop, column.set_default, column.drop_default.
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "steps/common.h"
#include "steps/ops.h"

static gboolean
probe_exists(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    ColumnState state;

    if (!common_column_state(run, step, &state, error))
        return FALSE;
    *ret_state = state.exists ? STEP_PRESENT : STEP_ABSENT;
    return TRUE;
}

static gboolean
verify_exists(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_exists, error);
}

static gboolean
drop_column(Run *run, const Step *step, GError **error)
{
    return common_run_built(run,
                            sql_build("ALTER TABLE ? DROP COLUMN ?", sql_name(step->schema, step->table),
                                      sql_ident(step_get(step, PARAM_COLUMN))),
                            error);
}

static gboolean
undo_add(Run *run, const Step *step, GError **error)
{
    return guard_apply(run, step, drop_column, GUARD_NOTE_UNDONE, error);
}

const StepOps step_column_add = {probe_exists, common_guarded, NULL, verify_exists, undo_add, common_run_sql};

static gboolean
probe_gone(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    ColumnState state;

    if (!common_column_state(run, step, &state, error))
        return FALSE;
    *ret_state = state.exists ? STEP_ABSENT : STEP_PRESENT;
    return TRUE;
}

static gboolean
verify_gone(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_gone, error);
}

const StepOps step_column_drop = {probe_gone, common_guarded, NULL, verify_gone, NULL, common_run_sql};

static gboolean
put_default_back(Run *run, const Step *step, GError **error)
{
    const char *old = step_get(step, PARAM_OLD_DEFAULT);
    SqlArg table = sql_name(step->schema, step->table);
    SqlArg column = sql_ident(step_get(step, PARAM_COLUMN));

    return common_run_built(run,
                            old != NULL
                                ? sql_build("ALTER TABLE ? ALTER COLUMN ? SET DEFAULT ?", table, column, sql_raw(old))
                                : sql_build("ALTER TABLE ? ALTER COLUMN ? DROP DEFAULT", table, column),
                            error);
}

static gboolean
undo_default(Run *run, const Step *step, GError **error)
{
    return guard_apply(run, step, put_default_back, GUARD_NOTE_UNDONE, error);
}

/* Whether there is a default, not which: the server prints it in its own words. DEFAULT NULL is none. */
static gboolean
verify_no_default(Run *run, const Step *step, GError **error)
{
    ColumnState state;

    if (!common_column_state(run, step, &state, error))
        return FALSE;
    if (!state.has_default)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "column \"%s\" of %s.%s still has a default", step_get(step, PARAM_COLUMN),
                   step->schema, step->table);
    return FALSE;
}

const StepOps step_column_set_default = {common_probe_journal, common_guarded, NULL, NULL,
                                         undo_default,         common_run_sql};
const StepOps step_column_drop_default = {common_probe_journal, common_guarded, NULL,
                                          verify_no_default,    undo_default,   common_run_sql};
