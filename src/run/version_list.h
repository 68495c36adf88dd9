/*
 * The versions of the application that the database serves: schemas with views, made by migrations
 * (`-- pgseam: version NAME`).
 */
#ifndef PGSEAM_RUN_VERSION_LIST_H
#define PGSEAM_RUN_VERSION_LIST_H

#include "db/conn.h"
#include "plan/plan.h"
#include "run/journal.h"

typedef struct VersionEntry {
    char *name; /* of its schema, too */
    char *migration;
    gint64 id; /* of the migration */
    MigrationState state;
    char *search_path;  /* what the application sets: SQL */
    GPtrArray *views;   /* char * */
    char *others;       /* what else is in its schema, and ... */
    char *dependants;   /* ... what stands on its views, in words; NULL: nothing */
    gboolean is_pinned; /* by `pgseam version pin`: the tables as they were then */
    gboolean is_ours;   /* the schema still is the one that the migration has made */
} VersionEntry;

/* All that are there, newest first (VersionEntry). The caller unrefs. Errors: those of db_query(). */
GPtrArray *version_list(DbConn *conn, GError **error);

/* A plan that takes a version away, named after it; a final step under the guard. The caller frees. */
Plan *version_drop_plan(DbConn *conn, const VersionEntry *version);

#endif
