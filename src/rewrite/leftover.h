/*
 * What rewrites have left behind in a database: schemas pgseam_rewrite_*, what is in them, triggers that call their
 * functions, slots and publications. The catalog says what there is, the journal (if there still is one) whose it is.
 *
 * Law: nothing of a migration that is under way is touched, and no table that may hold the only copy of a row goes
 * without a word from the user.
 */
#ifndef PGSEAM_REWRITE_LEFTOVER_H
#define PGSEAM_REWRITE_LEFTOVER_H

#include "db/conn.h"
#include "plan/plan.h"

typedef struct Leftover {
    char *kind;        /* "trigger", "slot", "publication", "table", "function", "schema" */
    char *within;      /* the rewrite's schema; NULL for slots and publications that no journal knows */
    char *schema;      /* of a trigger's table, of a table or a function; else NULL */
    char *table;       /* of a trigger, or the table itself */
    char *name;        /* unquoted; of a function its signature as SQL */
    gint64 bytes;      /* of a table */
    GPtrArray *refers; /* tables that a table's foreign keys lead to: schema, name, schema, name ... */
    char *migration;   /* whose it is by the journal; NULL: it does not know */
    char *state;       /* of that migration */
    char *kept;        /* why it stays; NULL: it can go */
    char *check;       /* SQL: one boolean that must hold when it has gone */
} Leftover;

/* All there is, those of one rewrite together, in an order in which they can go. `old_tables`: also tables that may be
 * the only copy of rows. Only reads. The caller unrefs. */
GPtrArray *leftover_find(DbConn *conn, gboolean old_tables, GError **error);

/* Those that can go as the steps of a plan, to be run under the guard as any other; no steps: nothing can. `now` is for
 * the migration's name. The caller frees. */
Plan *leftover_plan(DbConn *conn, const GPtrArray *leftovers, GDateTime *now);

#endif
