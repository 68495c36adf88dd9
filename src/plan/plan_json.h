/*
 * A plan as one JSON document, and back: what `plan --format json` prints, `plan -o` writes, `start f.plan` reads, and
 * the journal keeps.
 *
 * Law: keys are stable and documented in docs/json.md; what is read back is what was written, byte for byte where it
 * runs.
 */
#ifndef PGSEAM_PLAN_PLAN_JSON_H
#define PGSEAM_PLAN_PLAN_JSON_H

#include "plan/plan.h"

#define PLAN_FORMAT 1

/* The document, indented, ending with a newline. The caller frees. */
char *plan_to_json(const Plan *plan);

/* Read it again. SEAM_ERROR_REFUSED if it is no plan, of another format, incomplete, or has been edited so that its
 * source does not match its hash. `where` names the file in messages. */
Plan *plan_from_json(const char *text, const char *where, GError **error);

#endif
