/*
 * A COPY from one session into another, the rows passed on as they come.
 */
#ifndef PGSEAM_DB_RELAY_H
#define PGSEAM_DB_RELAY_H

#include "db/conn.h"

/*
 * Run `copy_out` (COPY ... TO STDOUT) on `from` and `copy_in` (COPY ... FROM STDIN, of the same format) on `to`, until
 * all rows are there. *ret_rows: how many. Memory is bounded; both sessions' ticks are called while nothing moves. Both
 * sessions are idle afterwards, in whatever transaction they were; on an error one of them may be lost. Errors: the
 * server's, SEAM_ERROR_LOST, that of a tick.
 */
gboolean db_relay(DbConn *from, const char *copy_out, DbConn *to, const char *copy_in, gint64 *ret_rows,
                  GError **error);

#endif
