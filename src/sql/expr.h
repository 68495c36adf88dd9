/*
 * Parts of statements that every kind has: names of relations, and what an expression touches. Pure data.
 */
#ifndef PGSEAM_SQL_EXPR_H
#define PGSEAM_SQL_EXPR_H

#include <glib.h>

typedef struct RelName {
    char *schema; /* NULL where the search_path decides */
    char *name;
} RelName;

/* What an expression touches. */
typedef struct Expr {
    char *text;            /* exact slice; NULL where the statement has none */
    GPtrArray *columns;    /* last parts of the column references, as far as they may mean a column */
    GPtrArray *qualifiers; /* for each of them what stands before it (table or alias), or NULL */
    GPtrArray *functions;  /* names, with the schema where written ("schema.name") */
    GPtrArray *operators;  /* names of operators that are no plain PostgreSQL ones by spelling of a schema */
    gboolean has_subquery;
    gboolean has_parameter;
    gboolean has_whole_row;   /* a reference to the row itself or t.* */
    gboolean has_aggregate;   /* aggregate, window or set-returning syntax */
    gboolean is_literal;      /* one plain constant */
    gboolean is_null_literal; /* that constant is NULL */
} Expr;

/* Release what an Expr holds. */
void stmt_expr_clear(Expr *expr);

#endif
