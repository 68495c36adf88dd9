/*
 * What the families share. Private to steps/.
 */
#ifndef PGSEAM_STEPS_COMMON_H
#define PGSEAM_STEPS_COMMON_H

#include "run/guard.h"
#include "run/step_ops.h"

/* Run the step's own SQL in the open transaction. */
gboolean common_run_sql(Run *run, const Step *step, GError **error);

/* Run a statement that was built for it, and free its text. */
gboolean common_run_built(Run *run, char *sql, GError **error);

/* The statements of a parameter that comes in a row, in the open transaction. */
gboolean common_run_all(Run *run, const Step *step, const char *param, GError **error);

/* DROP CONSTRAINT of the step's own, in the open transaction. */
gboolean common_drop_constraint(Run *run, const Step *step, GError **error);

/* Take back under the guard with another mode than the step's own on all its relations; note it undone. */
gboolean common_undo_with(Run *run, const Step *step, LockMode mode, GuardWork work, GError **error);

/*
 * Count the rows that keep a constraint from holding, with some of them as text: what the step's PARAM_COUNT and
 * PARAM_SHOW say. `ret_text` NULL: there is none, or they could not be counted within a minute, which is no error.
 */
gboolean common_count_bad(Run *run, const Step *step, char **ret_text, GError **error);

/* The step's SQL under the guard, noted done. */
gboolean common_guarded(Run *run, const Step *step, GError **error);

/* PRESENT if the journal says done: for kinds whose effect the catalog does not show apart. */
gboolean common_probe_journal(Run *run, const Step *step, StepState *ret_state, GError **error);

/* After the run: the probe must say PRESENT, or it is a SEAM_ERROR_FAILED. */
gboolean common_verify_present(Run *run, const Step *step, StepProbe probe, GError **error);

/* What the catalog says of the step's column and helper constraint. */
typedef struct ColumnState {
    gboolean exists;
    gboolean is_not_null;
    gboolean has_default;
    gboolean has_constraint;
    gboolean is_valid;
} ColumnState;
gboolean common_column_state(Run *run, const Step *step, ColumnState *ret, GError **error);

#endif
