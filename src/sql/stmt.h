/*
 * Typed statements: pure data, free of libpg_query.
 *
 * Law: `text` is the exact slice of the user's file, without the semicolon. Offsets are bytes within `text`. Everything
 * belongs to its Script and is freed with it.
 */
#ifndef PGSEAM_SQL_STMT_H
#define PGSEAM_SQL_STMT_H

#include <glib.h>

typedef enum StmtKind {
    STMT_ALTER_TABLE,
    STMT_CREATE_TABLE,
    STMT_CREATE_INDEX,
    STMT_DROP_INDEX,
    STMT_REINDEX,
    STMT_REFRESH,
    STMT_UPDATE,
    STMT_DELETE,
    STMT_TRANSACTION, /* BEGIN, COMMIT and the like */
    STMT_OTHER,       /* understood by the grammar, no recipe yet: `what` names it */
    STMT_UNKNOWN,     /* not understood by the grammar: `what` is the grammar's complaint */
} StmtKind;

typedef struct RelName {
    char *schema; /* NULL where the search_path decides */
    char *name;
} RelName;

/* What an expression touches. */
typedef struct Expr {
    char *text;           /* exact slice; NULL where the statement has none */
    GPtrArray *columns;   /* last parts of the column references, as far as they may mean a column */
    GPtrArray *functions; /* names, with the schema where written ("schema.name") */
    GPtrArray *operators; /* names of operators that are no plain PostgreSQL ones by spelling of a schema */
    gboolean has_subquery;
    gboolean has_parameter;
    gboolean has_whole_row;   /* a reference to the row itself or t.* */
    gboolean has_aggregate;   /* aggregate, window or set-returning syntax */
    gboolean is_literal;      /* one plain constant */
    gboolean is_null_literal; /* that constant is NULL */
} Expr;

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

typedef struct DmlStmt {
    RelName relation;
    char *alias;            /* what columns are qualified with; NULL: the table's own name */
    gboolean is_only;       /* UPDATE ONLY */
    GPtrArray *assignments; /* Assignment; empty for DELETE */
    Expr where;
    GPtrArray *guards; /* Guard */
    int where_keyword; /* offset of WHERE, or of the end of the statement where it has none */
    const char
        *unsupported; /* "FROM", "WITH", "RETURNING", "WHERE CURRENT OF": what keeps it from being split, or NULL */
} DmlStmt;

typedef enum AlterKind {
    ALTER_ADD_COLUMN,
    ALTER_DROP_COLUMN,
    ALTER_SET_DEFAULT,
    ALTER_DROP_DEFAULT,
    ALTER_SET_NOT_NULL,
    ALTER_DROP_NOT_NULL,
    ALTER_OTHER, /* `what` names it */
} AlterKind;

typedef struct ColumnDef {
    char *name;
    char *type;         /* exact slice, with COLLATE and COMPRESSION left out */
    char *type_name;    /* last part of the type's name, lower case as the grammar sees it ("int4", "bigserial") */
    Expr default_value; /* text NULL: none */
    gboolean is_not_null;
    gboolean has_reference; /* among all its inline constraints */
    const char *extra;      /* the first inline constraint that has no recipe yet ("CHECK", "UNIQUE", ...), or NULL */
} ColumnDef;

typedef struct AlterCmd {
    AlterKind kind;
    const char *what; /* "ADD COLUMN", "SET NOT NULL", ... for messages and the lock table */
    char *text;       /* exact slice of this subcommand */
    int offset;       /* of the slice within the statement */
    char *column;
    gboolean if_exists; /* IF EXISTS or IF NOT EXISTS */
    gboolean is_cascade;
    ColumnDef definition; /* ADD COLUMN */
    Expr default_value;   /* SET DEFAULT */
} AlterCmd;

typedef struct AlterTableStmt {
    RelName relation;
    gboolean if_exists;
    gboolean is_only;
    int head_length; /* "ALTER TABLE users" including what stands before the first subcommand */
    GPtrArray *cmds; /* AlterCmd */
} AlterTableStmt;

typedef struct CreateTableStmt {
    RelName relation;
    gboolean if_not_exists;
    GPtrArray *columns;      /* ColumnDef */
    const char *unsupported; /* "FOREIGN KEY", "PARTITION OF", "INHERITS", "LIKE", "TEMPORARY", ... or NULL */
} CreateTableStmt;

typedef struct CreateIndexStmt {
    RelName relation;
    char *name;        /* NULL: PostgreSQL chooses */
    char *column_stem; /* columns joined with "_", as PostgreSQL does for a default name */
    gboolean is_unique;
    gboolean is_concurrent;
    gboolean if_not_exists;
    gboolean is_only;
    int index_end; /* offset after INDEX [CONCURRENTLY]: where words are put in */
    int table_end; /* offset after the table's name */
    char *plain;   /* "USING btree (a, b)", as the server prints it; NULL where it has more than columns */
    Expr uses;     /* the columns and functions of all elements, INCLUDE and WHERE */
} CreateIndexStmt;

typedef struct DropIndexStmt {
    GPtrArray *names; /* RelName */
    gboolean if_exists;
    gboolean is_cascade;
    gboolean is_concurrent;
    int index_end;
} DropIndexStmt;

typedef enum ReindexKind { REINDEX_INDEX, REINDEX_TABLE, REINDEX_SCHEMA, REINDEX_SYSTEM } ReindexKind;

typedef struct ReindexStmt {
    ReindexKind kind; /* REINDEX_SYSTEM: of system catalogs, DATABASE among them */
    RelName relation; /* the index or table; name NULL for the others */
    char *schema;
    const char *unsupported; /* an option without a recipe, or NULL */
} ReindexStmt;

typedef struct RefreshStmt {
    RelName relation;
    gboolean is_concurrent;
    gboolean is_without_data;
    int view_end; /* offset after VIEW */
} RefreshStmt;

typedef struct Stmt {
    StmtKind kind;
    const char *what; /* "ALTER TABLE", "CREATE VIEW", ...: never NULL; belongs to the Script */
    char *text;
    int offset;       /* of `text` within the file */
    int line;         /* of its first token, from 1 */
    int column;       /* in characters, from 1 */
    char *consent;    /* the reason given by `-- pgseam: allow opaque because ...`, or NULL */
    int error_offset; /* STMT_UNKNOWN: where in the file the grammar stopped */
    union {
        AlterTableStmt alter_table;
        CreateTableStmt create_table;
        CreateIndexStmt create_index;
        DropIndexStmt drop_index;
        ReindexStmt reindex;
        RefreshStmt refresh;
        DmlStmt dml;
    };
} Stmt;

/* Release what an Expr holds. */
void stmt_expr_clear(Expr *expr);

/* Release what a Stmt holds. */
void stmt_free(Stmt *stmt);

#endif
