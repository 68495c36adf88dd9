/*
 * check.*, foreign_key.* and constraint.add: a constraint that is first there for new rows, then proven.
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "steps/common.h"
#include "steps/ops.h"

static gboolean
probe_added(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    ColumnState state;

    if (!common_column_state(run, step, &state, error))
        return FALSE;
    *ret_state = state.has_constraint ? STEP_PRESENT : STEP_ABSENT;
    return TRUE;
}

static gboolean
verify_added(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_added, error);
}

/* DROP CONSTRAINT of a foreign key takes ACCESS EXCLUSIVE on both tables, whatever ADD took. */
static gboolean
undo_added(Run *run, const Step *step, GError **error)
{
    return common_undo_with(run, step, LOCK_ACCESS_EXCLUSIVE, common_drop_constraint, error);
}

static gboolean
probe_valid(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    ColumnState state;

    if (!common_column_state(run, step, &state, error))
        return FALSE;
    *ret_state = state.has_constraint && state.is_valid ? STEP_PRESENT : STEP_ABSENT;
    return TRUE;
}

static gboolean
verify_valid(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_valid, error);
}

/* A check of ours stands for NOT NULL: people know it by its column. */
static void
tell_nulls(const Step *step, GError **error)
{
    seam_error_detail(error, "column \"%s\" of %s.%s holds NULL in some rows", step_get(step, PARAM_COLUMN),
                      step->schema, step->table);
    seam_error_hint(error,
                    "give them a value (UPDATE ... WHERE %s IS NULL), then `pgseam resume`; `pgseam rollback` undoes",
                    step_get(step, PARAM_COLUMN));
}

static void
tell_bad_rows(Run *run, const Step *step, GError **error)
{
    g_autofree char *bad = NULL;

    if (common_count_bad(run, step, &bad, NULL) && bad != NULL)
        seam_error_detail(error, "rows of %s.%s that do not hold: %s", step->schema, step->table, bad);
    seam_error_hint(error, "correct or delete these rows, then `pgseam resume`; `pgseam rollback` undoes");
}

/* VALIDATE names the first row that fails only by its constraint; people need the number and a way out. */
static gboolean
validate(Run *run, const Step *step, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (guard_apply_long(run, step, common_run_sql, GUARD_NOTE_DONE, &why))
        return TRUE;
    if (seam_error_has_sqlstate(why, "23514") || seam_error_has_sqlstate(why, "23503") ||
        seam_error_has_sqlstate(why, "23502")) {
        if (step_get(step, PARAM_COLUMN) != NULL)
            tell_nulls(step, &why);
        else
            tell_bad_rows(run, step, &why);
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
put_back_unproven(Run *run, const Step *step, GError **error)
{
    return common_run_all(run, step, PARAM_UNDO, error);
}

/* The proof goes with the constraint; one that was there before the migration becomes NOT VALID again. */
static gboolean
undo_validate(Run *run, const Step *step, GError **error)
{
    return step_get(step, PARAM_UNDO) == NULL ||
           common_undo_with(run, step, LOCK_ACCESS_EXCLUSIVE, put_back_unproven, error);
}

const StepOps step_check_add_not_valid = {probe_added, common_guarded, NULL, verify_added, undo_added, common_run_sql};
const StepOps step_check_validate = {probe_valid, validate, NULL, verify_valid, undo_validate};
const StepOps step_foreign_key_add_not_valid = {probe_added, common_guarded, NULL, verify_added, undo_added};
const StepOps step_foreign_key_validate = {probe_valid, validate, NULL, verify_valid, undo_validate};
const StepOps step_constraint_add = {probe_added, common_guarded, NULL, verify_added, undo_added, common_run_sql};
