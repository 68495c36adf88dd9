/*
 * From a table's name to the plan of its repack, checked against the server.
 */
#ifndef PGSEAM_CLI_PLANNING_REPACK_H
#define PGSEAM_CLI_PLANNING_REPACK_H

#include "db/conn.h"
#include "plan/repack.h"

/* Plan the repack of `relation`, a name as in SQL. `request->migration` may be NULL: then it is "repack_" and the
 * table's name, with a number where one of that name is complete. SEAM_ERROR_REFUSED with reason and way out. */
Plan *planning_repack(DbConn *conn, const RepackRequest *request, const char *relation, GError **error);

#endif
