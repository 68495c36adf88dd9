/*
 * One row of billions that does not fit the new shape: found by halves, named by its key.
 */
#ifndef PGSEAM_REWRITE_UNFIT_H
#define PGSEAM_REWRITE_UNFIT_H

#include "db/conn.h"
#include "rewrite/flow.h"

/* The blocks from `first` to before `end` of the flow's source could not be brought into its target, for the reason in
 * `error`: if it is one of data (SQLSTATE class 22 or 23), add to it which row it is, and what to do. Nothing is
 * changed. `conn` is in no transaction; from any thread. */
void unfit_tell(DbConn *conn, const Flow *flow, gint64 first, gint64 end, GError **error);

#endif
