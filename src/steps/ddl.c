/*
 * ddl.run and ddl.final: statements that are harmless as they stand if their lock is taken by the guard. What takes
 * them back, and what shows that they have worked, is made by the planner from the facts.
 */
#include "base/error.h"
#include "steps/common.h"
#include "steps/ops.h"

static gboolean
undo_statements(Run *run, const Step *step, GError **error)
{
    return common_run_all(run, step, PARAM_UNDO, error);
}

/* What is known to fail is not begun. */
static gboolean
check_bad_rows(Run *run, const Step *step, GError **error)
{
    g_autofree char *bad = NULL;

    if (!common_count_bad(run, step, &bad, error))
        return FALSE;
    if (bad == NULL)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "rows of %s.%s stand in the way of step %d; it was not begun",
                   step->schema, step->table, step->id);
    seam_error_detail(error, "%s", bad);
    seam_error_hint(error, "move or delete these rows, then `pgseam resume`; `pgseam rollback` undoes");
    return FALSE;
}

static gboolean
run_ddl(Run *run, const Step *step, GError **error)
{
    if (!check_bad_rows(run, step, error))
        return FALSE;
    return step_is(step, PARAM_LONG) ? guard_apply_long(run, step, common_run_sql, GUARD_NOTE_DONE, error)
                                     : common_guarded(run, step, error);
}

static gboolean
undo_ddl(Run *run, const Step *step, GError **error)
{
    if (step_get_nth(step, PARAM_UNDO, 1) == NULL)
        return TRUE;
    return guard_apply(run, step, undo_statements, GUARD_NOTE_UNDONE, error);
}

static gboolean
verify_ddl(Run *run, const Step *step, GError **error)
{
    const char *sql = step_get(step, PARAM_VERIFY);
    g_autoptr(DbResult) row = NULL;

    if (sql == NULL)
        return TRUE;
    row = db_query(run->control, sql, DB_NONE, error);
    if (row == NULL)
        return FALSE;
    if (db_rows(row) == 1 && g_strcmp0(db_text_at(row, 0, 0), "t") == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "step %d %s ran without an error, but its result is not there", step->id,
                   step_trait(step->kind)->name);
    seam_error_detail(error, "%s", sql);
    seam_error_hint(error, "an event trigger or another session may have undone it; `pgseam rollback`");
    return FALSE;
}

/* Work and "done" commit together, so the journal knows. */
const StepOps step_ddl_run = {common_probe_journal, run_ddl, NULL, verify_ddl, undo_ddl, common_run_sql};
const StepOps step_ddl_final = {common_probe_journal, run_ddl, NULL, verify_ddl, NULL, common_run_sql};
