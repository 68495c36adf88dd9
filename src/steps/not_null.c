/*
 * column.set_not_null and column.drop_not_null. The check that proves NOT NULL is in constraint.c.
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "steps/common.h"
#include "steps/ops.h"

static gboolean
probe_not_null(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    ColumnState state;

    if (!common_column_state(run, step, &state, error))
        return FALSE;
    *ret_state = state.is_not_null && !state.has_constraint ? STEP_PRESENT : STEP_ABSENT;
    return TRUE;
}

/* Two statements: in one ALTER TABLE the DROP would run first and take the proof away. */
static gboolean
set_and_drop_check(Run *run, const Step *step, GError **error)
{
    return common_run_sql(run, step, error) && common_drop_constraint(run, step, error);
}

static gboolean
run_set_not_null(Run *run, const Step *step, GError **error)
{
    return guard_apply(run, step, set_and_drop_check, GUARD_NOTE_DONE, error);
}

static gboolean
drop_not_null(Run *run, const Step *step, GError **error)
{
    return common_run_built(run,
                            sql_build("ALTER TABLE ? ALTER COLUMN ? DROP NOT NULL", sql_name(step->schema, step->table),
                                      sql_ident(step_get(step, PARAM_COLUMN))),
                            error);
}

static gboolean
undo_set_not_null(Run *run, const Step *step, GError **error)
{
    return guard_apply(run, step, drop_not_null, GUARD_NOTE_UNDONE, error);
}

static gboolean
verify_not_null(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_not_null, error);
}

const StepOps step_column_set_not_null = {probe_not_null,  run_set_not_null,  NULL,
                                          verify_not_null, undo_set_not_null, set_and_drop_check};

/* The way back from DROP NOT NULL is SET NOT NULL as it is done in contract: check, proof, then the rest in an instant.
 */
static gboolean
probe_nullable(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    ColumnState state;

    if (!common_column_state(run, step, &state, error))
        return FALSE;
    *ret_state = state.exists && !state.is_not_null ? STEP_PRESENT : STEP_ABSENT;
    return TRUE;
}

static gboolean
add_check(Run *run, const Step *step, GError **error)
{
    return common_run_built(run,
                            sql_build("ALTER TABLE ? ADD CONSTRAINT ? CHECK (? IS NOT NULL) NOT VALID",
                                      sql_name(step->schema, step->table), sql_ident(step_get(step, PARAM_CONSTRAINT)),
                                      sql_ident(step_get(step, PARAM_COLUMN))),
                            error);
}

static gboolean
prove_check(Run *run, const Step *step, GError **error)
{
    return common_run_built(run,
                            sql_build("ALTER TABLE ? VALIDATE CONSTRAINT ?", sql_name(step->schema, step->table),
                                      sql_ident(step_get(step, PARAM_CONSTRAINT))),
                            error);
}

static gboolean
set_back(Run *run, const Step *step, GError **error)
{
    return common_run_built(run,
                            sql_build("ALTER TABLE ? ALTER COLUMN ? SET NOT NULL", sql_name(step->schema, step->table),
                                      sql_ident(step_get(step, PARAM_COLUMN))),
                            error) &&
           common_drop_constraint(run, step, error);
}

/* Rows of the new application may hold a NULL by now: then the old schema cannot come back, and nothing of the attempt
 * is left. */
static gboolean
give_up_undo(Run *run, const Step *step, GError **error)
{
    if (!guard_apply(run, step, common_drop_constraint, GUARD_NOTE_NOTHING, NULL))
        seam_error_detail(error, "constraint %s is left on the table", step_get(step, PARAM_CONSTRAINT));
    seam_error_hint(error, "column \"%s\" holds NULL in some rows: give each a value, then `pgseam rollback` again",
                    step_get(step, PARAM_COLUMN));
    return FALSE;
}

static gboolean
undo_drop_not_null(Run *run, const Step *step, GError **error)
{
    ColumnState state;
    g_autoptr(GError) why = NULL;

    if (!common_column_state(run, step, &state, error) ||
        (!state.has_constraint && !guard_apply(run, step, add_check, GUARD_NOTE_NOTHING, error)))
        return FALSE;
    if (!guard_apply_long(run, step, prove_check, GUARD_NOTE_NOTHING, &why)) {
        gboolean has_nulls = seam_error_has_sqlstate(why, "23514");

        g_propagate_error(error, g_steal_pointer(&why));
        return has_nulls && give_up_undo(run, step, error);
    }
    return guard_apply(run, step, set_back, GUARD_NOTE_UNDONE, error);
}

static gboolean
verify_nullable(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_nullable, error);
}

const StepOps step_column_drop_not_null = {probe_nullable,  common_guarded,     NULL,
                                           verify_nullable, undo_drop_not_null, common_run_sql};
