/*
 * `pgseam version pin`: a version of the tables as they are now, for the application that runs now.
 */
#ifndef PGSEAM_CLI_VERSION_PIN_H
#define PGSEAM_CLI_VERSION_PIN_H

#include "db/conn.h"
#include "run/run.h"

/* Make version `name` of all tables that the role's search_path finds, or that of `schemas` (ended by NULL; NULL: not
 * given), and tell what it leaves out. SEAM_ERROR_USAGE for a name that cannot be one, SEAM_ERROR_REFUSED for a schema
 * that does not exist, a name that is taken, or while a migration of one of the tables is under way. */
gboolean version_pin(DbConn *conn, const RunOptions *options, const char *name, char **schemas, GError **error);

/* Its plan, and no more. The caller frees. */
Plan *version_pin_dry(DbConn *conn, const char *name, char **schemas, GError **error);

#endif
