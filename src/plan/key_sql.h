/*
 * SQL over the key by which a step walks its table: shared by the planner, which cuts the user's statement, and by the
 * walk, which looks for the end of the next batch. Both must cut alike, or rows would be lost between them.
 */
#ifndef PGSEAM_PLAN_KEY_SQL_H
#define PGSEAM_PLAN_KEY_SQL_H

#include "plan/step.h"

/* "t.a, t.b", each followed by `suffix`; `qualifier` ("t") is SQL already. The caller frees. */
char *key_sql_list(const Step *step, const char *qualifier, const char *suffix);

/*
 * (CAST($1 AS t) IS NULL OR ROW(t.a, t.b) > ROW(CAST($1 AS t), CAST($2 AS u))): parameters number from `first`.
 * Where they are NULL there is no bound, which the server's planner sees before it chooses a scan. `operator` is
 * PARAM_GREATER or PARAM_AT_MOST of the step. The caller frees.
 */
char *key_sql_bound(const Step *step, const char *qualifier, const char *operator, guint first);

#endif
