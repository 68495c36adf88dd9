/*
 * table.create and opaque.run.
 */
#include "base/sqltext.h"
#include "steps/common.h"
#include "steps/ops.h"
#include "steps_queries.h"

static gboolean
probe_table(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    g_autoptr(DbResult) row =
        db_query(run->control, QUERY_RELATION_STATE, DB_ARGS(step->schema, step->table, NULL), error);

    if (row == NULL)
        return FALSE;
    *ret_state = db_rows(row) > 0 ? STEP_PRESENT : STEP_ABSENT;
    return TRUE;
}

static gboolean
drop_table(Run *run, const Step *step, GError **error)
{
    /* A partition that a foreign key refers to must leave first. */
    return common_run_all(run, step, PARAM_UNDO, error) &&
           common_run_built(run, sql_build("DROP TABLE ?", sql_name(step->schema, step->table)), error);
}

static gboolean
undo_create(Run *run, const Step *step, GError **error)
{
    return guard_apply(run, step, drop_table, GUARD_NOTE_UNDONE, error);
}

static gboolean
verify_table(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_table, error);
}

const StepOps step_table_create = {probe_table, common_guarded, NULL, verify_table, undo_create};

/* Whatever it has set in the session (a SET inside of a DO block outlives the transaction) goes with the session. */
static gboolean
run_opaque(Run *run, const Step *step, GError **error)
{
    if (!guard_apply_long(run, step, common_run_sql, GUARD_NOTE_DONE, error))
        return FALSE;
    g_clear_pointer(&run->work, db_close);
    return run_reopen(run, error);
}

const StepOps step_opaque_run = {common_probe_journal, run_opaque, NULL, NULL, NULL};
