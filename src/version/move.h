/*
 * Columns that move to a table of their own, while two versions of the application are at work. This makes SQL text;
 * nothing here asks a server.
 *
 * Data flows one way. Until complete the columns of the source are the truth; the new application's table is a view
 * over the source; and the new table itself, which is to take over, is filled from the source by triggers and by
 * batches, and written by nobody else. So whoever writes, in either shape, locks the row of the source first and that
 * of the new table after it: writers of both versions cannot deadlock over a row, and nothing goes round in a circle.
 *
 * The view: UPDATE and FOR UPDATE go through it as PostgreSQL has it (an updatable view may have INSTEAD OF triggers
 * for some commands only: view_has_instead_trigger() in src/backend/rewrite/rewriteHandler.c), so a concurrent change
 * is waited for and the WHERE looked at again. The key is CASE WHEN true THEN k ELSE k END: no column that could be
 * updated (it is the source's own key), but for the planner the column itself, so an index is used. INSERT and DELETE
 * are changes of the source's row, by INSTEAD OF triggers. Those know the row as it was when the statement began, and
 * not its WHERE: where the row was changed meanwhile, a DELETE by the key alone goes on, since that holds still; any
 * other fails with serialization_failure, rather than take away what it might not have meant.
 *
 * The triggers on the source read the row again from the table, rather than take NEW: triggers of the user may have
 * written it once more, and their events may come in any order. They are ALWAYS enabled. A batch locks the rows of the
 * source that it copies FOR NO KEY UPDATE, so none of them changes or goes before its copy is committed, and leaves
 * alone what is there. A transaction with one snapshot (REPEATABLE READ) may not see a copy that was committed after
 * its begin, and would leave it behind where it takes the row away: it is made to find it, and fails as it would over a
 * row of its own that has changed.
 *
 * The functions of INSERT and DELETE run with the rights and the search_path of whoever writes, since triggers of the
 * user fire in them; they reach the source by two views with their owner's rights. Those of the source's triggers touch
 * nothing of the user's, have their owner's rights and a search_path of their own, and nobody else may execute them: on
 * a table of his own he could make them do what he likes.
 *
 * Not for here, the planner refuses: keys whose type's operators are not in pg_catalog; columns that are NOT NULL, have
 * a default or a collation of their own; constraints of the new table that writers of the source might violate.
 */
#ifndef PGSEAM_VERSION_MOVE_H
#define PGSEAM_VERSION_MOVE_H

#include <glib.h>

/* num_nonnulls() takes no more arguments (FUNC_MAX_ARGS). */
#define MOVE_MAX_COLUMNS 100

typedef struct MoveColumn {
    char *from;         /* its name in the source */
    char *to;           /* ... and in the new table */
    char *key_type;     /* of a column of the key, without a length; NULL: it moves */
    char *default_text; /* SQL: what an INSERT without it gets in the new table; NULL: NULL */
} MoveColumn;

typedef struct Move {
    char *schema, *table;         /* the source */
    char *new_schema, *new_table; /* the new table; the view has the same name */
    char *view_schema;            /* of the version */
    char *own_schema;             /* where functions and helping views are: the move's alone, usable by PUBLIC */
    char *constraint;             /* the name of the new table's key */
    GPtrArray *columns;           /* MoveColumn, as the new table has them: all of it */
    gboolean is_optional;         /* a row with NULL in all moved columns has none in the new table; FALSE: all have */
    gboolean has_foreign_key;     /* the new table's key references the source, ON DELETE CASCADE */
} Move;

/* All strings are copied; `ret->columns` is empty at first. */
Move *move_new(const char *schema, const char *table, const char *new_schema, const char *new_table);
MoveColumn *move_add(Move *move, const char *from, const char *to, const char *key_type, const char *default_text);
void move_free(Move *move);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Move, move_free)

/* The names of the key, or of what moves: in the new table, or in the source. They belong to `move`; the caller unrefs.
 */
GPtrArray *move_names(const Move *move, gboolean is_key, gboolean is_new);

/* Statements, char *, each to be run by itself; the caller unrefs. Before them schema `own_schema` and the new table
 * are made. The triggers want SHARE ROW EXCLUSIVE on the source, their end ACCESS EXCLUSIVE. */
GPtrArray *move_begin_sql(const Move *move);
GPtrArray *move_undo_sql(const Move *move);

/* Behind "INSERT INTO new table ... SELECT ... FROM source WHERE ...": a batch that may meet writers. The caller frees.
 */
char *move_batch_tail(const Move *move);

/* Nobody writes the new table by its own name from then on: what he wrote would be lost. And the end of that. */
GPtrArray *move_guard_sql(const Move *move);
char *move_unguard_sql(const Move *move);

/* The view of the version, with the privileges that others have on the new table by then; and what it becomes: a view
 * of the new table, when what move_begin_sql() made has gone. */
GPtrArray *move_view_sql(const Move *move);
GPtrArray *move_end_sql(const Move *move, gboolean is_invoker);

/* A query with one row, one boolean: all triggers are on the source, and ALWAYS enabled. The caller frees. */
char *move_verify_sql(const Move *move);

/* A query with one row, one bigint: rows on which source and new table differ; and one that shows at most `limit` of
 * them, one text a row. The caller frees. */
char *move_mismatch_sql(const Move *move);
char *move_mismatch_show_sql(const Move *move, guint limit);

#endif
