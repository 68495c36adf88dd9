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

void tree_insert(Stmt *stmt, const PgQuery__InsertStmt *tree, const Tokens *tokens);

/* What the three share: the head of a DmlStmt; a clause of it (added to dml->rest and dml->reads); its WHERE, whose
 * tokens are `keyword` to before `limit`, or would stand before `limit`. */
void tree_dml_begin(Stmt *stmt, const PgQuery__RangeVar *relation, const PgQuery__WithClause *with);
void tree_dml_rest(Stmt *stmt, size_t n, PgQuery__Node *const *nodes);
void tree_dml_where(Stmt *stmt, const PgQuery__Node *where, const Tokens *tokens, guint keyword, guint limit);

/* Call `visit` for each message below (and including) `message`; where it says FALSE, not for what is below that one.
 */
typedef gboolean (*TreeVisit)(gpointer data, const ProtobufCMessage *message);
void tree_walk(const ProtobufCMessage *message, TreeVisit visit, gpointer data);

/* Add to dml->reads, dml->hazard and dml->unsupported what is in `message`; `alias` is what the row in hand is called.
 */
void tree_reads(DmlStmt *dml, const ProtobufCMessage *message, const char *alias);

/* Collect what `node` touches; a NULL node leaves an empty Expr. The text is not set. */
void tree_expr(Expr *expr, const PgQuery__Node *node);
/* The same for a second node, added to an Expr that is begun. */
void tree_expr_add(Expr *expr, const PgQuery__Node *node);
/* The same without what is within a subquery. */
void tree_expr_add_outer(Expr *expr, const PgQuery__Node *node);

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
