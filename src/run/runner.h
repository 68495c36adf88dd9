/*
 * The runner: for each step probe, repair, run, verify, note. Resume is the same loop.
 */
#ifndef PGSEAM_RUN_RUNNER_H
#define PGSEAM_RUN_RUNNER_H

#include "run/journal.h"
#include "run/step_ops.h"

/* Expand and backfill. The migration is then gated, or complete where there is no contract. */
gboolean runner_expand(Run *run, StepOpsOf ops_of, GError **error);

/* Prove expand and backfill, then contract. SEAM_ERROR_REFUSED where something is unproven, with what finishes it. */
gboolean runner_contract(Run *run, StepOpsOf ops_of, GError **error);

/* Undo in reverse order. SEAM_ERROR_REFUSED once a step that cannot be undone has begun. */
gboolean runner_rollback(Run *run, StepOpsOf ops_of, GError **error);

#endif
