/*
 * What the files of this folder share about libpg_query's tree. Private to sql/.
 */
#ifndef PGSEAM_SQL_TREE_H
#define PGSEAM_SQL_TREE_H

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "sql/stmt.h"
#include "sql/tokens.h"

/* Fill a Stmt whose text, offset and line are set from its tree. `tokens` are those of stmt->text. */
void tree_fill_stmt(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens);

/* The families, one file each. */
void tree_alter_table(Stmt *stmt, const PgQuery__AlterTableStmt *tree, const Tokens *tokens);
void tree_create_table(Stmt *stmt, const PgQuery__CreateStmt *tree, const Tokens *tokens);
void tree_create_index(Stmt *stmt, const PgQuery__IndexStmt *tree, const Tokens *tokens);
void tree_drop_index(Stmt *stmt, const PgQuery__DropStmt *tree, const Tokens *tokens);
void tree_reindex(Stmt *stmt, const PgQuery__ReindexStmt *tree);
void tree_refresh(Stmt *stmt, const PgQuery__RefreshMatViewStmt *tree, const Tokens *tokens);
void tree_update(Stmt *stmt, const PgQuery__UpdateStmt *tree, const Tokens *tokens);
void tree_delete(Stmt *stmt, const PgQuery__DeleteStmt *tree, const Tokens *tokens);

/* Collect what `node` touches; a NULL node leaves an empty Expr. The text is not set. */
void tree_expr(Expr *expr, const PgQuery__Node *node);
/* The same for a second node, added to an Expr that is begun. */
void tree_expr_add(Expr *expr, const PgQuery__Node *node);

/* FOR VALUES ... or DEFAULT: the tokens from `first` to before `last`. */
void tree_bound(PartitionBound *bound, const PgQuery__PartitionBoundSpec *tree, const char *text, const Tokens *tokens,
                guint first, guint last);
/* INHERITS and PARTITION OF. */
void tree_parents(Stmt *stmt, const PgQuery__CreateStmt *tree, const Tokens *tokens);
void tree_partition_cmd(AlterCmd *cmd, const PgQuery__PartitionCmd *tree, const char *text, const Tokens *tokens,
                        guint first, guint last);

/* Canonical spelling of a plain constant ("18", "'x'", "true"), or NULL. The caller frees. */
char *tree_literal(const PgQuery__Node *node);

/* One column definition; the tokens from `first` to before `last` are its own. */
void tree_column_def(ColumnDef *column, const PgQuery__ColumnDef *tree, const char *text, const Tokens *tokens,
                     guint first, guint last);

/* A constraint of a table; the tokens from `first` to before `last` are its own. The caller frees. */
ConstraintDef *tree_constraint(const PgQuery__Constraint *tree, const char *text, const Tokens *tokens, guint first,
                               guint last);
/* The inline constraints of a column, and its base. */
void tree_inline_constraints(ColumnDef *column, const PgQuery__ColumnDef *tree, const char *text, const Tokens *tokens,
                             guint first, guint last);

RelName tree_rel_name(const PgQuery__RangeVar *var);

#endif
