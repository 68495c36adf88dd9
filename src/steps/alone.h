/*
 * One statement outside of any transaction: CONCURRENTLY and its like. Private to steps/.
 */
#ifndef PGSEAM_STEPS_ALONE_H
#define PGSEAM_STEPS_ALONE_H

#include "run/run.h"

/*
 * Run `sql` with our settings before and after, showing its progress, until the server says it is done. Waiting for
 * other transactions blocks nobody, but it ends at the deadline with SEAM_ERROR_LOCK; `leftover` then begins the hint:
 * what may be left behind ("an INVALID index may be left: "), or "".
 */
gboolean alone_run(Run *run, const char *sql, const char *leftover, GError **error);

/* The same for a statement behind which others would queue: it awaits no lock for longer than the guard would (55P03).
 */
gboolean alone_run_briefly(Run *run, const char *sql, GError **error);

#endif
