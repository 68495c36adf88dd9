/*
 * Facts for a version: what its views take over from their tables. Private to catalog/.
 */
#ifndef PGSEAM_CATALOG_LOAD_VERSION_H
#define PGSEAM_CATALOG_LOAD_VERSION_H

#include "catalog/facts.h"
#include "db/conn.h"

/* Grants and comments of all tables that are loaded, and what is known of the schema `name`. */
gboolean load_version(DbConn *conn, Facts *facts, const char *name, GError **error);

/* Of what depends on columns: which are views of the versions in these schemas, `rising` being those that are not
 * complete. */
void load_version_views(Facts *facts, const GPtrArray *versions, const GPtrArray *rising);

#endif
