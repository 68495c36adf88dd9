/*
 * UPDATE and DELETE: assignments, predicate, and the comparisons that make a statement repeatable.
 */
#include <string.h>

#include "sql/tree.h"

static void
guard_free(gpointer data)
{
    Guard *guard = data;

    g_free(guard->column);
    g_free(guard->literal);
    g_free(guard);
}

static const char *
column_of(const PgQuery__Node *node)
{
    const PgQuery__ColumnRef *ref;
    const PgQuery__Node *last;

    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF)
        return NULL;
    ref = node->column_ref;
    last = ref->fields[ref->n_fields - 1];
    return last->node_case == PG_QUERY__NODE__NODE_STRING ? last->string->sval : NULL;
}

static void
add_guard(DmlStmt *dml, GuardKind kind, const char *column, const char *literal)
{
    Guard *guard;

    if (column == NULL || (kind != GUARD_IS_NULL && literal == NULL))
        return;
    guard = g_new0(Guard, 1);
    guard->kind = kind;
    guard->column = g_strdup(column);
    guard->literal = g_strdup(literal);
    g_ptr_array_add(dml->guards, guard);
}

static void
guard_of_comparison(DmlStmt *dml, const PgQuery__AExpr *a)
{
    g_autofree char *literal = tree_literal(a->rexpr);
    const char *operator= a->n_name == 1 && a->name[0]->node_case == PG_QUERY__NODE__NODE_STRING
        ? a->name[0]->string->sval
        : "";

    if (g_strcmp0(literal, "NULL") == 0)
        return;
    if (a->kind == PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT)
        add_guard(dml, GUARD_DIFFERS, column_of(a->lexpr), literal);
    else if (a->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP && strcmp(operator, "<>") == 0)
        add_guard(dml, GUARD_DIFFERS, column_of(a->lexpr), literal);
    else if (a->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP && strcmp(operator, "=") == 0)
        add_guard(dml, GUARD_EQUALS, column_of(a->lexpr), literal);
}

static void
guards_of(DmlStmt *dml, const PgQuery__Node *node)
{
    if (node == NULL)
        return;
    switch (node->node_case) {
        case PG_QUERY__NODE__NODE_BOOL_EXPR:
            if (node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR) {
                for (size_t i = 0; i < node->bool_expr->n_args; i++)
                    guards_of(dml, node->bool_expr->args[i]);
            } else if (node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR) {
                add_guard(dml, GUARD_EQUALS, column_of(node->bool_expr->args[0]), "false");
            }
            break;
        case PG_QUERY__NODE__NODE_NULL_TEST:
            if (node->null_test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL)
                add_guard(dml, GUARD_IS_NULL, column_of(node->null_test->arg), NULL);
            break;
        case PG_QUERY__NODE__NODE_A_EXPR:
            guard_of_comparison(dml, node->a_expr);
            break;
        case PG_QUERY__NODE__NODE_COLUMN_REF:
            add_guard(dml, GUARD_EQUALS, column_of(node), "true");
            break;
        default:
            break;
    }
}

static void
assignment_free(gpointer data)
{
    Assignment *assignment = data;

    g_free(assignment->column);
    g_free(assignment->literal);
    stmt_expr_clear(&assignment->value);
    g_free(assignment);
}

/* One "column = expression" whose tokens begin at `first`; returns where it ends. */
static guint
add_assignment(Stmt *stmt, const PgQuery__ResTarget *target, const Tokens *tokens, guint first, guint limit)
{
    Assignment *assignment = g_new0(Assignment, 1);
    guint end = tokens_item_end(tokens, stmt->text, first, limit);

    assignment->column = g_strdup(target->name);
    assignment->is_simple = target->n_indirection == 0 && target->val != NULL &&
                            target->val->node_case != PG_QUERY__NODE__NODE_MULTI_ASSIGN_REF &&
                            target->val->node_case != PG_QUERY__NODE__NODE_SET_TO_DEFAULT && first + 2 < end &&
                            stmt->text[tokens_at(tokens, first + 1)->start] == '=';
    tree_expr(&assignment->value, target->val);
    assignment->literal = tree_literal(target->val);
    if (assignment->is_simple)
        assignment->value.text = tokens_slice(tokens, stmt->text, first + 2, end);
    g_ptr_array_add(stmt->dml.assignments, assignment);
    return end;
}

/* The first word at depth 0 after `from` that ends the SET list; a comparison like "IS DISTINCT FROM" does not. */
static guint
set_list_end(const Stmt *stmt, const Tokens *tokens, guint from)
{
    for (guint i = from; i < tokens->tokens->len; i++) {
        if (tokens_at(tokens, i)->depth != 0)
            continue;
        if (tokens_is(tokens, stmt->text, i, "WHERE") || tokens_is(tokens, stmt->text, i, "RETURNING"))
            return i;
    }
    return tokens->tokens->len;
}

static void
fill_where(Stmt *stmt, const PgQuery__Node *where, const Tokens *tokens)
{
    DmlStmt *dml = &stmt->dml;
    guint keyword = tokens_find(tokens, stmt->text, 0, "WHERE", 0);
    guint end = tokens->tokens->len;

    dml->guards = g_ptr_array_new_with_free_func(guard_free);
    tree_expr(&dml->where, where);
    dml->where_keyword = (int)strlen(stmt->text);
    if (where == NULL)
        return;
    guards_of(dml, where);
    if (where->node_case == PG_QUERY__NODE__NODE_CURRENT_OF_EXPR)
        dml->unsupported = "WHERE CURRENT OF";
    dml->where_keyword = tokens_at(tokens, keyword)->start;
    dml->where.text = tokens_slice(tokens, stmt->text, keyword + 1, end);
}

static void
fill_common(Stmt *stmt, const PgQuery__RangeVar *relation, gboolean has_from, size_t n_returning, gboolean has_with)
{
    DmlStmt *dml = &stmt->dml;

    dml->relation = tree_rel_name(relation);
    dml->is_only = !relation->inh;
    dml->alias = relation->alias != NULL ? g_strdup(relation->alias->aliasname) : NULL;
    dml->assignments = g_ptr_array_new_with_free_func(assignment_free);
    if (has_with)
        dml->unsupported = "WITH";
    else if (has_from)
        dml->unsupported = stmt->kind == STMT_UPDATE ? "FROM" : "USING";
    else if (n_returning > 0)
        dml->unsupported = "RETURNING";
}

void
tree_update(Stmt *stmt, const PgQuery__UpdateStmt *tree, const Tokens *tokens)
{
    guint at;
    guint limit;

    fill_common(stmt, tree->relation, tree->n_from_clause > 0, tree->n_returning_list, tree->with_clause != NULL);
    fill_where(stmt, tree->where_clause, tokens);
    if (stmt->dml.unsupported != NULL)
        return;
    at = tokens_find(tokens, stmt->text, 0, "SET", 0) + 1;
    limit = set_list_end(stmt, tokens, at);
    for (size_t i = 0; i < tree->n_target_list && at < limit; i++)
        at = add_assignment(stmt, tree->target_list[i]->res_target, tokens, at, limit) + 1;
    if (stmt->dml.assignments->len != tree->n_target_list)
        stmt->dml.unsupported = "SET (columns) = (values)";
}

void
tree_delete(Stmt *stmt, const PgQuery__DeleteStmt *tree, const Tokens *tokens)
{
    fill_common(stmt, tree->relation, tree->n_using_clause > 0, tree->n_returning_list, tree->with_clause != NULL);
    fill_where(stmt, tree->where_clause, tokens);
}
