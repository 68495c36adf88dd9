/*
 * The version that a file makes (`-- pgseam: version NAME`): the tables that it changes so that the application sees
 * it, each as a view of its own in the schema of that name. Private to plan/.
 *
 * Law: the shape is read from the file and the facts alone; the recipes of the statements know nothing of it, but that
 * a default waits for the contract phase.
 */
#ifndef PGSEAM_PLAN_VERSION_H
#define PGSEAM_PLAN_VERSION_H

#include "plan/planner.h"
#include "plan/recipe.h"
#include "version/sync.h"

/* A column as the new application sees it. */
typedef struct VersionColumn {
    const FactColumn *fact;   /* on the server; NULL: the file adds it */
    const ColumnDef *added;   /* ... like this */
    const char *name;         /* its new one */
    const char *default_text; /* that the file gives it; NULL: the table's own */
    gboolean drops_default;
    gboolean is_dropped;
    const ColumnDef *retyped; /* ALTER COLUMN TYPE; NULL: the type stays */
    const char *new_type;     /* ... its type as the server prints it; NULL: it is not there yet */
    char *hidden;             /* ... the column that holds the new type until complete */
    const Expr *up;           /* what makes the new side of it (USING, directive "up"); NULL: nothing, or a cast */
    const Expr *down;         /* ... and the old side, over the new shape (directive "down") */
    const Expr *fill;         /* SET NOT NULL with a directive "up": what stands for NULL, for both; NULL: nothing */
    int offset;               /* in the file, of what drops it, adds it or changes its type */
} VersionColumn;

/* A table that the file changes. */
typedef struct VersionTable {
    const FactTable *table;
    const char *name;    /* its new one */
    gboolean is_visible; /* the new application needs another shape than the old one: a view */
    gboolean is_pinned;  /* it has one whether it needs it or not: version_pin.c */
    const Stmt *stmt;    /* the first that makes it so, and where ... */
    int offset;          /* ... in the file */
    SyncTable *sync;     /* what keeps both sides of its columns in step; NULL: nothing needs to be */
    GPtrArray *columns;  /* VersionColumn, in the table's order; added ones at the end */
    GPtrArray *twins;    /* of what hangs on columns whose type changes: version_twin.h; NULL: not asked for yet */
} VersionTable;

/* All tables that the file changes, in its order. The caller unrefs. */
GPtrArray *version_tables(const PlanContext *ctx);

/* The one of that list; NULL. */
VersionTable *version_find_table(const GPtrArray *tables, const FactTable *fact);
/* The same, at its end if it was not there. */
VersionTable *version_table_of(GPtrArray *tables, const FactTable *fact);

/* The relation of RENAME COLUMN and of RENAME TO of a table: TRUE with its name, whose strings belong to the statement.
 */
gboolean version_renamed(const ObjectStmt *stmt, RelName *ret);

/* The column of that name in the old shape, or in the new one (as far as the walk is); NULL. */
VersionColumn *version_old_column(const VersionTable *table, const char *name);
VersionColumn *version_new_column(const VersionTable *table, const char *name);

/* What the column is called in the table until complete, when it belongs to the new shape. */
const char *version_base_name(const VersionColumn *column);

/* The directives "up" and "down" of a table's columns as a sync trigger in table->sync: which columns of both sides
 * belong together, what each expression reads. Refused: what could not be kept in step. */
gboolean version_sync(PlanContext *ctx, VersionTable *table, GError **error);

/* TRUE for a view of a version that is there, which complete of the file's version takes away with what it shows: it
 * keeps no column from going. */
gboolean version_takes_view(const PlanContext *ctx, const FactDependent *dependent);

/* The way out where the view of a version does keep the column from going. The caller frees; NULL: none does. */
char *version_way_out(const PlanContext *ctx, const FactTable *table, const char *column);

/* A file without a version must not change the type of what a version shows. */
gboolean version_check_shown(PlanContext *ctx, const FactTable *table, const char *column, GError **error);

/* The views on this column that complete takes away: SQL, an array of text. The caller frees. */
char *version_taken_views(const PlanContext *ctx, const FactTable *table, const char *column);

/* What the file says of rows on which an expression fails (`-- pgseam: on-error`), for table->sync. Refused where such
 * a row could not be told from others, or what cannot be computed must not be NULL. */
gboolean version_quarantine(PlanContext *ctx, const VersionTable *table, GError **error);

/* TRUE if a file with a version changes the column's type: then its default goes to the new column. */
gboolean version_retypes(const Script *script, const RelName *table, const char *column);

/* ALTER COLUMN TYPE in a file with a version: a hidden column of the new type, filled in batches, which takes the
 * column's place at complete. Adds its steps; refused where more than the values hangs on the column. */
gboolean version_retype(PlanContext *ctx, const Target *target, const AlterCmd *cmd, GError **error);

/* Queries (PlanProbe) that try the expressions of a file with a version on rows that are there. */
void version_probes(GPtrArray *probes, const Script *script, const Facts *facts);

/* After all statements: refuse what a view could not stand for, and plan schema and views as the last thing before the
 * gate. Nothing to do for a file without a version. */
gboolean version_finish(PlanContext *ctx, GError **error);

#endif
