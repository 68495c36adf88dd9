/*
 * The table of step kinds. `ops_of` is what the runner takes.
 */
#ifndef PGSEAM_STEPS_OPS_H
#define PGSEAM_STEPS_OPS_H

#include "run/step_ops.h"

const StepOps *ops_of(StepKind kind);

/* Before a migration is written down: what its rewrites would refuse, SEAM_ERROR_REFUSED with the way out; nothing is
 * left. The journal's tables are there. */
gboolean rewrite_preflight(Run *run, GError **error);

/* Before a rollback is begun: whether each cut-over could be taken back. SEAM_ERROR_REFUSED with what somebody has
 * changed since; then the migration stays where it is, and can still be completed. */
gboolean rewrite_check_undo(Run *run, GError **error);

/* The families, one file each. */
extern const StepOps step_table_create;
extern const StepOps step_column_add;
extern const StepOps step_column_drop;
extern const StepOps step_column_set_default;
extern const StepOps step_column_drop_default;
extern const StepOps step_column_drop_not_null;
extern const StepOps step_column_set_not_null;
extern const StepOps step_check_add_not_valid;
extern const StepOps step_check_validate;
extern const StepOps step_foreign_key_add_not_valid;
extern const StepOps step_foreign_key_validate;
extern const StepOps step_constraint_add;
extern const StepOps step_index_create;
extern const StepOps step_index_drop;
extern const StepOps step_backfill;
extern const StepOps step_opaque_run;
extern const StepOps step_index_reindex;
extern const StepOps step_ddl_run;
extern const StepOps step_ddl_final;
extern const StepOps step_partition_detach;
extern const StepOps step_version_verify;
extern const StepOps step_version_end;
extern const StepOps step_rewrite_prepare;
extern const StepOps step_rewrite_capture;
extern const StepOps step_rewrite_copy;
extern const StepOps step_rewrite_index;
extern const StepOps step_rewrite_catch_up;
extern const StepOps step_rewrite_verify;
extern const StepOps step_rewrite_swap;
extern const StepOps step_rewrite_drop;

#endif
