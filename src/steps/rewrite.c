/*
 * rewrite.*: the phases of the online rewrite (rewrite/).
 */
#include "steps/common.h"
#include "steps/ops.h"

const StepOps step_rewrite_prepare = {common_probe_journal, NULL, NULL, NULL, NULL, NULL};
const StepOps step_rewrite_capture = {common_probe_journal, NULL, NULL, NULL, NULL, NULL};
const StepOps step_rewrite_copy = {common_probe_journal, NULL, NULL, NULL, NULL, NULL};
const StepOps step_rewrite_index = {common_probe_journal, NULL, NULL, NULL, NULL, NULL};
const StepOps step_rewrite_catch_up = {common_probe_journal, NULL, NULL, NULL, NULL, NULL};
const StepOps step_rewrite_verify = {common_probe_journal, NULL, NULL, NULL, NULL, NULL};
const StepOps step_rewrite_swap = {common_probe_journal, NULL, NULL, NULL, NULL, NULL};
const StepOps step_rewrite_drop = {common_probe_journal, NULL, NULL, NULL, NULL, NULL};
