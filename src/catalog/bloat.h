/*
 * How much of a table is dead rows and gaps, from what ANALYZE knows: an estimate, which costs nothing and needs no
 * extension.
 */
#ifndef PGSEAM_CATALOG_BLOAT_H
#define PGSEAM_CATALOG_BLOAT_H

#include "db/conn.h"

typedef struct Bloat {
    char *schema;
    char *name;
    gint64 bytes;  /* of the table's pages, without TOAST and indexes */
    gint64 unused; /* of these, what the rows would not need */
    double percent;
    gboolean is_known; /* FALSE: never analyzed, or a column has no statistics */
} Bloat;

/* All tables that the role owns, those with the most to gain first. The caller unrefs; errors of db_query(). */
GPtrArray *bloat_find(DbConn *conn, GError **error);

#endif
