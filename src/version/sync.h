/*
 * The sync trigger of one table: while two versions of the application are at work, it keeps what the old one reads and
 * writes in step with what the new one does, inside the writer's own statement. This makes SQL text; nothing here asks
 * a server.
 *
 * What must be there when the triggers are made: schema `own_schema`, usable by PUBLIC; the hidden (new) columns; the
 * column `marker` of type SYNC_MARKER_TYPE, without default; and the inner view, which shows the marker with the
 * default sync_marker_default(), below the view that the new version uses, which does not show it. So an INSERT through
 * the new version arrives with a marker, and any other without, whatever search_path is. An UPDATE needs no marker:
 * what changed says who wrote. A hidden column must not have a default in the table (it belongs to the view): a row
 * that comes with both sides filled is one that moves between partitions or arrives by replication, and stays as it is.
 *
 * Law: the trigger changes NEW only, so it cannot call itself. A row whose two sides agree, by `up` or by `down`, is
 * left alone: filling hidden columns never changes an old one, however lossy `down` is. If both sides changed and
 * disagree, or a shared column that both are made from did, the old side stands. "Changed" is a change of the bytes
 * (record_image_ne): 1.0 is not 1.00, and types without "=" are welcome. All names and operators in the body are
 * qualified; no construct looks an operator up by name (CASE x WHEN, IN, IS DISTINCT FROM, NULLIF), so search_path can
 * be anything, and the function need not set it.
 *
 * Each expression is a SQL function with a parsed body: it means what it meant under the search_path of the session
 * that made it; what it uses cannot be dropped under it. The functions are STABLE, which is true of all that may be
 * used, and lets PostgreSQL inline IMMUTABLE and STABLE bodies alike (a body that is STABLE in a function that claims
 * IMMUTABLE is not inlined). They run with the writer's rights: with the owner's, a function called by an expression
 * would run as owner under a search_path of the writer's choice. So what an expression calls must be executable by all
 * who write.
 *
 * Quarantine (sync_table_set_quarantine): an expression that fails counts as one that gives NULL in all columns of its
 * side, so the statement goes on; the side that was written stays as it is, and the failure is written down. A row that
 * is so is left alone until somebody writes one of its sides: what is computed from NULL never takes the place of a
 * value that the writer did not have. No function has more rights than the writer: he may add lines to the table of
 * failures (INSERT, of some columns), and neither read nor change any; who and when are not his to say. That the lines
 * are true is nowhere relied upon: what is missing is computed anew from the rows.
 *
 * Not for here, the planner refuses: volatile expressions; expressions with more than 100 inputs, over generated
 * columns (not computed yet when a BEFORE trigger runs) or over columns of their own side; columns qualified by the
 * table's name; quarantine for a column that must not be NULL, for a table without a key, for sides with more than
 * SYNC_MAX_SIDE columns or inputs.
 */
#ifndef PGSEAM_VERSION_SYNC_H
#define PGSEAM_VERSION_SYNC_H

#include <glib.h>

#define SYNC_MARKER_TYPE "smallint"
/* Groups of one table: a bit of the marker for each. */
#define SYNC_MAX_GROUPS 15
/* The table of failures, in `own_schema`, and how many columns a side may have there: jsonb_build_object() takes two
 * arguments for each. */
#define SYNC_QUARANTINE "pgseam_quarantine"
#define SYNC_MAX_SIDE   50
/* Triggers fire in the order of their names' bytes. Whoever knows of a user's trigger outside chooses others. */
#define SYNC_FIRST_TRIGGER "!pgseam_sync"
#define SYNC_LAST_TRIGGER  "~pgseam_sync"

/* A column that an expression uses. */
typedef struct SyncInput {
    char *name;      /* as it is in the table ... */
    char *argument;  /* ... and as the expression calls it */
    char *type;      /* qualified, as format_type() prints it under an empty search_path */
    char *collation; /* qualified and quoted, where it is not the type's own: a function's arguments lose it; or NULL */
} SyncInput;

/* A column that is made from others. */
typedef struct SyncColumn {
    char *name;        /* as it is in the table: a new one is hidden there */
    char *type;        /* with its modifier; qualified, as above */
    char *expression;  /* SQL over the arguments of `inputs`, the user's text; NULL: nothing makes it (one way only) */
    GPtrArray *inputs; /* SyncInput *: columns of the other side, or columns that both versions have */
    /* A new column that has CHECK (name IS NOT NULL) NOT VALID already: each UPDATE is checked, so one that comes
     * before the backfill must fill the column. FALSE unless the caller sets it. */
    gboolean is_not_null;
} SyncColumn;

typedef enum SyncKind {
    SYNC_PAIR, /* old and new columns say the same: split, merge, change of type, of meaning */
    SYNC_ADD, /* new columns that old writers' rows get from shared ones; later, when those change and it is not the new
                 version that writes */
    SYNC_DROP, /* old columns that new writers' rows get from shared ones; likewise */
    SYNC_FILL, /* in place: `new_columns` get a value where somebody writes NULL */
} SyncKind;

typedef struct SyncGroup {
    SyncKind kind;
    GPtrArray *old_columns; /* SyncColumn *, with `down` as expression; none with SYNC_ADD and SYNC_FILL */
    GPtrArray *new_columns; /* SyncColumn *, with `up`; none with SYNC_DROP */
} SyncGroup;

typedef struct SyncTable {
    char *schema, *table;
    char *own_schema;         /* where the functions are */
    char *marker;             /* name of the marker column; not used if all groups are SYNC_FILL */
    char *view_schema, *view; /* of the new version, may be made later: needed where SYNC_ADD, SYNC_DROP have inputs */
    char *first_trigger, *last_trigger; /* as above, unless changed */
    gboolean has_user_triggers;         /* enabled BEFORE ROW triggers for INSERT or UPDATE */
    GPtrArray *partition_keys;          /* char *: columns in the partition keys of all levels; none unless added */
    gboolean guards_up, guards_down;    /* a failure of that direction is caught */
    GPtrArray *keys;                    /* SyncInput *: the columns that tell rows apart; with quarantine only */
    GPtrArray *groups;                  /* SyncGroup * */
} SyncTable;

/* All strings are copied. What is added belongs to what it is added to. */
SyncTable *sync_table_new(const char *schema, const char *table, const char *own_schema, const char *marker);
void sync_table_set_view(SyncTable *table, const char *view_schema, const char *view);
/* Quarantine for "up", for "down" or for both; the key's columns with their types follow. */
void sync_table_set_quarantine(SyncTable *table, gboolean guards_up, gboolean guards_down);
void sync_table_add_key(SyncTable *table, const char *name, const char *type);
gboolean sync_has_quarantine(const SyncTable *table);
SyncGroup *sync_table_add(SyncTable *table, SyncKind kind);
SyncColumn *sync_group_add_old(SyncGroup *group, const char *name, const char *type, const char *down);
SyncColumn *sync_group_add_new(SyncGroup *group, const char *name, const char *type, const char *up);
SyncInput *sync_column_add_input(SyncColumn *column, const char *name, const char *type, const char *collation);
void sync_input_set_argument(SyncInput *input, const char *argument); /* where it is not the name */
void sync_table_free(SyncTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SyncTable, sync_table_free)

/* Whether any group is more than SYNC_FILL, so that marker column and inner view are needed. */
gboolean sync_needs_marker(const SyncTable *table);
/* The default of the marker in the inner view: all bits that groups have. */
gint64 sync_marker_default(const SyncTable *table);

/* SQL that gives the column's value: a call of its function with columns of `row` (NEW, an alias; NULL: bare columns).
 * For backfill and samples as well; only where the column has an expression. The caller frees. */
char *sync_call(const SyncTable *table, const SyncColumn *column, const char *row);

/* Statements, char *, each to be run by itself; the caller unrefs. Functions need no lock on the table, and neither its
 * new columns; triggers do (CREATE TRIGGER: SHARE ROW EXCLUSIVE; DROP TRIGGER: ACCESS EXCLUSIVE), and belong in the
 * transaction of the columns. Dropping twice is no error. */
GPtrArray *sync_functions_sql(const SyncTable *table);
GPtrArray *sync_triggers_sql(const SyncTable *table);
GPtrArray *sync_drop_triggers_sql(const SyncTable *table);
GPtrArray *sync_drop_functions_sql(const SyncTable *table);

/* A query with one row, one boolean: all functions are there as made. And: all triggers are there, of our functions,
 * and ALWAYS enabled. The caller frees. */
char *sync_verify_functions_sql(const SyncTable *table);
char *sync_verify_triggers_sql(const SyncTable *table);
/* A query of names: enabled BEFORE ROW triggers that somebody made since and that run outside of ours, so what they
 * change would reach one side only. */
char *sync_intruders_sql(const SyncTable *table);

/* SQL over bare columns: the group's new side can be computed. The caller frees; NULL where its failure is not caught.
 * And the function in it, as "schema.name" without quotes. */
char *sync_computes_sql(const SyncTable *table, const SyncGroup *group);
char *sync_computes_function(const SyncTable *table, const SyncGroup *group);

/* The table of failures, one for all tables of a migration: statements that make it. */
GPtrArray *sync_quarantine_sql(const char *own_schema, const char *migration);

/* Before rollback takes away the new side, and with it what only that has: a statement that moves what is said of the
 * rows whose old side is missing to the journal, as events of the kind "quarantine" ($1: the migration's id; NULL:
 * there is no quarantine of "down"); and one that adds what has come since, when nobody writes any more. */
char *sync_quarantine_keep_sql(const SyncTable *table);
char *sync_quarantine_keep_rest_sql(const char *own_schema, const char *migration);

/* One statement: writes down each row whose new side is missing and that is not yet, forgets those that are not missing
 * any more, and gives one row, one bigint: how many there are. Reads the whole table. NULL: there is no quarantine of
 * "up". The caller frees. */
char *sync_quarantine_scan_sql(const SyncTable *table);
/* SQL of a boolean: no line says that a new side is missing. The caller frees; NULL as above. */
char *sync_quarantine_none_sql(const SyncTable *table);
/* A query of the rows that are missing a side, found by the lines' keys: "table", key (JSON), side, columns (JSON),
 * sqlstate, message, at, role, application, written, replaced (JSON); oldest first. NULL: there is no quarantine. The
 * caller frees. */
char *sync_quarantine_list_sql(const SyncTable *table);

/* A query with one row, one bigint: rows whose two sides disagree both ways, or, where only one way is given, that are
 * NULL in a column which must not be (is_not_null, SYNC_FILL); what is in quarantine does not count. `where` is SQL
 * over alias t, or NULL: all rows. */
char *sync_mismatch_sql(const SyncTable *table, const char *where);
/* A query that shows at most `limit` of them as text: key, columns, old_side, new_side. `keys`: names (char *) of the
 * columns that tell rows apart. */
char *sync_mismatch_show_sql(const SyncTable *table, const GPtrArray *keys, const char *where, guint limit);

/* The condition for both that a row is one of those at $1 (tid[]); and a query with one row: compared, how many of them
 * are there, and mismatches; with quarantine also doubled, always 0, and failed: how many are in quarantine, which are
 * not among those compared. */
#define SYNC_SAMPLE_WHERE "t.ctid = ANY (CAST($1 AS tid[]))"
char *sync_sample_sql(const SyncTable *table);

#endif
