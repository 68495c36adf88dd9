/*
 * Typed statements that change rows. Part of stmt.h, whose laws hold here as well.
 */
#ifndef PGSEAM_SQL_STMT_DML_H
#define PGSEAM_SQL_STMT_DML_H

#include "sql/expr.h"

/* A top-level AND part of a predicate that compares one column with a constant: what makes an UPDATE repeatable. */
typedef enum GuardKind { GUARD_IS_NULL, GUARD_DIFFERS, GUARD_EQUALS } GuardKind;

typedef struct Guard {
    GuardKind kind;
    char *column;
    char *literal; /* canonical spelling of the constant; NULL for GUARD_IS_NULL */
} Guard;

typedef struct Assignment {
    char *column;
    Expr value;
    char *literal;      /* canonical spelling where the value is a plain constant, else NULL */
    gboolean is_simple; /* column = expression; not a.b = .., a[1] = .., (a, b) = .. or DEFAULT */
} Assignment;

/*
 * UPDATE, DELETE, INSERT. The "row in hand" is what a batch is cut by: a row of the relation, or for INSERT ... SELECT
 * one of `source`.
 */
typedef struct DmlStmt {
    RelName relation;
    RelName source;         /* INSERT ... SELECT: the table that its FROM begins with; name NULL: none */
    char *alias;            /* what columns of the row in hand are qualified with; NULL: the table's own name */
    gboolean is_only;       /* UPDATE ONLY */
    gboolean is_values;     /* INSERT: brings its rows along: VALUES, DEFAULT VALUES, SELECT without FROM */
    gboolean is_upsert;     /* INSERT ... ON CONFLICT DO UPDATE */
    GPtrArray *columns;     /* INSERT: names in its column list; NULL: it has none */
    GPtrArray *picked;      /* INSERT ... SELECT of nothing but columns of one table, without ON CONFLICT, RETURNING,
                             * OVERRIDING: their names; else NULL */
    GPtrArray *filled;      /* ... with WHERE a IS NOT NULL OR b IS NOT NULL ...: these columns; else NULL */
    GPtrArray *assignments; /* Assignment; only UPDATE has any */
    Expr where;
    Expr rest;  /* all else: FROM, USING, select list, VALUES, ON CONFLICT, RETURNING */
    Expr outer; /* INSERT ... SELECT: its select list without subqueries, where an aggregate counts for the whole */
    GPtrArray *reads;        /* RelName: what is read besides the row in hand, `source` included */
    GPtrArray *withs;        /* names of WITH queries: a read of that name need not be a relation */
    GPtrArray *guards;       /* Guard */
    int where_keyword;       /* offset of WHERE, or of where it would stand */
    int where_end;           /* offset behind the predicate, or the same */
    char *from;              /* exact slice behind FROM or USING; NULL: none */
    char *query;             /* INSERT ... SELECT: exact slice of the query; NULL: none */
    const char *hazard;      /* what makes its result depend on more than the row in hand, or NULL */
    const char *unsupported; /* "WITH", "WHERE CURRENT OF": what is not understood further, or NULL */
} DmlStmt;

#endif
