/*
 * A plan as text for people.
 */
#ifndef PGSEAM_PLAN_PLAN_TEXT_H
#define PGSEAM_PLAN_PLAN_TEXT_H

#include "plan/plan.h"

/* Each step with its locks and its reason, by phase, then the notes. Ends with a newline. The caller frees. */
char *plan_to_text(const Plan *plan);

#endif
