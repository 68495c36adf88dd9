/*
 * The version that a file makes (`-- pgseam: version NAME`): the tables that it changes so that the application sees
 * it, each as a view of its own in the schema of that name. Private to plan/.
 *
 * Law: the shape is read from the file and the facts alone; the recipes of the statements know nothing of it, but that
 * a default waits for the contract phase.
 */
#ifndef PGSEAM_PLAN_VERSION_H
#define PGSEAM_PLAN_VERSION_H

#include "plan/recipe.h"

/* A column as the new application sees it. */
typedef struct VersionColumn {
    const FactColumn *fact;   /* on the server; NULL: the file adds it */
    const ColumnDef *added;   /* ... like this */
    const char *name;         /* its new one */
    const char *default_text; /* that the file gives it; NULL: the table's own */
    gboolean drops_default;
    gboolean is_dropped;
} VersionColumn;

/* A table that the file changes. */
typedef struct VersionTable {
    const FactTable *table;
    const char *name;    /* its new one */
    gboolean is_visible; /* the new application needs another shape than the old one: a view */
    const Stmt *stmt;    /* the first that makes it so, and where ... */
    int offset;          /* ... in the file */
    const char *retyped; /* a column whose type the file changes; NULL: none */
    GPtrArray *columns;  /* VersionColumn, in the table's order; added ones at the end */
} VersionTable;

/* All tables that the file changes, in its order. The caller unrefs. */
GPtrArray *version_tables(const PlanContext *ctx);

/* The relation of RENAME COLUMN and of RENAME TO of a table: TRUE with its name, whose strings belong to the statement.
 */
gboolean version_renamed(const ObjectStmt *stmt, RelName *ret);

/* After all statements: refuse what a view could not stand for, and plan schema and views as the last thing before the
 * gate. Nothing to do for a file without a version. */
gboolean version_finish(PlanContext *ctx, GError **error);

#endif
