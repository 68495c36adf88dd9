/*
 * Statements that need the online rewrite. All those of one table in a file become one copy: each recipe adds its part,
 * the steps stand where the first of them stood, and what must be known of all of them is seen to at the end.
 *
 * Law: everything is refused here that can be known before anything is made.
 */
#ifndef PGSEAM_PLAN_RECIPE_REWRITE_H
#define PGSEAM_PLAN_RECIPE_REWRITE_H

#include "plan/planner.h"
#include "plan/recipe.h"

/* The order in which PostgreSQL itself takes the subcommands of one ALTER TABLE (AlterTablePass in
 * src/backend/commands/tablecmds.c): the parts are applied to the empty shadow in it. */
typedef enum RewriteRank { REWRITE_DROP, REWRITE_TYPE, REWRITE_ADD, REWRITE_DEFAULT, REWRITE_TABLE } RewriteRank;

/* What one subcommand does in the rewrite. */
typedef struct RewritePart {
    const Stmt *stmt;
    int offset; /* in the file */
    RewriteRank rank;
    const char *param;     /* PARAM_ALTER or PARAM_BUILD */
    char *text;            /* the exact slice */
    char *reason;          /* why it cannot be done in place; NULL: it goes with another part */
    char *column;          /* whose type changes, or that comes; NULL */
    const Expr *up;        /* USING; NULL: a cast, or no change of a value */
    char *down;            /* directive; NULL: a cast */
    const char *old_type;  /* of a column whose type changes; NULL otherwise ... */
    const char *new_type;  /* ... as the server prints them */
    gboolean is_injective; /* two values that differ still differ in the new type */
} RewritePart;

typedef struct TableRewrite {
    const Target *target;
    char *name;       /* of its schema */
    GPtrArray *parts; /* RewritePart, in file order */
} TableRewrite;

/* The rewrite of the statement's table, with its steps planned at the end of the backfill phase when it is new. NULL
 * with an error for a table that cannot be rewritten. Belongs to the context. */
TableRewrite *rewrite_plan(PlanContext *ctx, const Target *target, GError **error);

/* The rewrite of a table, if an earlier statement has begun one; NULL. */
TableRewrite *rewrite_find(const PlanContext *ctx, const Target *target);

/* One more part of the statement in hand; the caller fills what it knows more. `text` is copied. */
RewritePart *rewrite_add(PlanContext *ctx, TableRewrite *rewrite, RewriteRank rank, const char *param,
                         const char *text);

/* The part that changes the type of a column, or brings it; NULL. */
const RewritePart *rewrite_part_of(const TableRewrite *rewrite, const char *column);

/* TRUE if a text uses a column that a rewrite brings, or gives another type: it must come after it. */
gboolean rewrite_mentions(const PlanContext *ctx, const char *sql);

/* TRUE if a rewrite gives one of these columns of the table another type, or brings it. */
gboolean rewrite_changes(const PlanContext *ctx, const FactTable *table, const GPtrArray *columns);

/* Take back what a statement has added. */
void rewrite_forget(PlanContext *ctx, const Stmt *stmt);

/* After all statements: parameters, foreign keys to be proven, notes; and the orders that cannot be kept. ctx->offset
 * then is that of the statement that is in the way. */
gboolean rewrite_finish(PlanContext *ctx, GError **error);

/* A context for a plan that no file is behind; end it, with its steps taken into the plan if it is planned. */
void planner_begin(PlanContext *ctx, const Script *script, const Facts *facts, Plan *plan);
void planner_end(PlanContext *ctx, gboolean is_planned);

/* Whether the table can be rewritten at all: its kind, its key, who owns what. */
gboolean rewrite_check_table(PlanContext *ctx, const Target *target, GError **error);

/* The key by which a rewrite finds rows again; NULL if there is none. */
const FactIndex *rewrite_key(const FactTable *table);

/* What the rewrites of the file mean for its other statements. */
gboolean rewrite_check_order(PlanContext *ctx, const TableRewrite *rewrite, GError **error);

/* Whether USING, or a way back, means the same whenever it is evaluated. */
gboolean rewrite_check_expr(PlanContext *ctx, const Expr *expr, const char *what, GError **error);

/* What the reader must know of a rewrite. */
void rewrite_plan_note(PlanContext *ctx, const TableRewrite *rewrite);

/* Queries that find rows which a unique index would not take after a change of type: parameters of `prepare`. */
void rewrite_find_duplicates(Step *prepare, const TableRewrite *rewrite);

/* What the server is asked about an ALTER TABLE: more PlanProbe. */
void rewrite_probes(GPtrArray *probes, const Facts *facts, const Stmt *stmt);

void table_rewrite_free(gpointer rewrite);

#endif
