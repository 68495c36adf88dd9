/*
 * The shadow table: made in its final shape, empty and without indexes; finished when the rows are there.
 */
#ifndef PGSEAM_REWRITE_SHAPE_H
#define PGSEAM_REWRITE_SHAPE_H

#include "rewrite/rewrite.h"

/* Make all of it in a transaction that is rolled back: what shape_create() would refuse, as SEAM_ERROR_REFUSED. */
gboolean shape_try(Rewrite *rewrite, GError **error);

/*
 * In one transaction: the rewrite's schema, the shadow with the plan's changes, the table of dirty keys. All indexes
 * and constraints are made on the empty table and taken back again, so that what cannot work fails here, with nothing
 * left. Errors: those of the server for the user's own statements; SEAM_ERROR_REFUSED without a usable key.
 */
gboolean shape_create(Rewrite *rewrite, GError **error);

/* The name of the index that a rewrite makes where the new shape has none on the key; bounded. The caller frees. */
char *shape_key_index(const Rewrite *rewrite);

/* Drop everything in the rewrite's schema, the schema too: by name, never CASCADE to something of the user's. Not an
 * error if nothing is there. */
gboolean shape_drop(Rewrite *rewrite, GError **error);

/* Shared with build.c. */
gboolean shape_run_all(DbConn *conn, const DbResult *statements, GError **error);
gboolean shape_alter(Rewrite *rewrite, DbConn *conn, const char *param, GError **error);
/* The names of a parameter of the plan's as an array, for a parameter of a query. The caller frees. */
char *shape_names(const Rewrite *rewrite, const char *param);

/* A table of dirty keys called `name` in the rewrite's schema: `keys` are rows of name, type, collation. */
gboolean shape_create_dirty(Rewrite *rewrite, DbConn *conn, const char *name, const DbResult *keys, GError **error);

#endif
