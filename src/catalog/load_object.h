/*
 * Read facts about objects. Private to catalog/.
 */
#ifndef PGSEAM_CATALOG_LOAD_OBJECT_H
#define PGSEAM_CATALOG_LOAD_OBJECT_H

#include "catalog/facts.h"
#include "db/conn.h"

/* Resolve the keys under the search_path that is set (it is one of facts->creation_schema): those that exist are begun
 * in facts->objects. */
gboolean load_objects_find(DbConn *conn, Facts *facts, const GPtrArray *keys, GError **error);

/* Read what was begun, under an empty search_path. */
gboolean load_objects_fill(DbConn *conn, Facts *facts, GError **error);

#endif
