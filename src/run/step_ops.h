/*
 * What a step kind does: a row of functions. The table of them is in steps/; the runner gets it handed in, since run/
 * does not include steps/.
 */
#ifndef PGSEAM_RUN_STEP_OPS_H
#define PGSEAM_RUN_STEP_OPS_H

#include "run/guard.h"

typedef enum StepState { STEP_ABSENT, STEP_PARTIAL, STEP_PRESENT } StepState;

typedef gboolean (*StepProbe)(Run *run, const Step *step, StepState *ret_state, GError **error);
typedef gboolean (*StepAct)(Run *run, const Step *step, GError **error);

typedef struct StepOps {
    StepProbe probe; /* what the server says */
    StepAct run;     /* ABSENT -> PRESENT; notes "done" itself where work and journal commit together */
    StepAct repair;  /* PARTIAL -> ABSENT; NULL: the kind has no halves, or goes on where it was */
    StepAct verify;  /* what was promised holds, seen by other means than run's own word; NULL: probe is all there is */
    StepAct undo;    /* PRESENT or PARTIAL -> ABSENT, notes "undone"; NULL: nothing to take back */
    GuardWork
        work; /* what `run` does under the guard, for kinds that may share its transaction with others; NULL: none */
} StepOps;

typedef const StepOps *(*StepOpsOf)(StepKind kind);

#endif
