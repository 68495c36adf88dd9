/*
 * ATTACH and DETACH PARTITION, and the bounds of partitions.
 */
#include <string.h>

#include "sql/tree.h"

/* Of one kind for every version of the server, whatever its functions say: nothing but constants and casts of them. */
static gboolean
is_constant(const PgQuery__Node *node)
{
    Expr expr = {0};
    gboolean is_plain;

    if (node == NULL)
        return TRUE;
    tree_expr(&expr, node);
    is_plain = expr.columns->len == 0 && expr.functions->len == 0 && !expr.has_subquery && !expr.has_parameter;
    stmt_expr_clear(&expr);
    return is_plain;
}

static BoundKind
kind_of_value(const PgQuery__Node *node)
{
    const char *name = "";

    /* The grammar leaves MINVALUE and MAXVALUE to later: they look like columns. */
    if (node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF && node->column_ref->n_fields == 1 &&
        node->column_ref->fields[0]->node_case == PG_QUERY__NODE__NODE_STRING)
        name = node->column_ref->fields[0]->string->sval;
    if (strcmp(name, "minvalue") == 0 || strcmp(name, "maxvalue") == 0)
        return BOUND_UNLIMITED;
    if (node->node_case == PG_QUERY__NODE__NODE_A_CONST && node->a_const->isnull)
        return BOUND_NULL;
    return is_constant(node) ? BOUND_CONSTANT : BOUND_EXPRESSION;
}

/* The values in the next parentheses from token `at` on; returns the index after them. */
static guint
read_values(GPtrArray *values, PgQuery__Node *const *nodes, size_t n, const char *text, const Tokens *tokens, guint at)
{
    while (at < tokens->tokens->len && !tokens_is(tokens, text, at, "("))
        at++;
    at++;
    for (size_t i = 0; i < n && at < tokens->tokens->len; i++) {
        BoundValue *value = g_new0(BoundValue, 1);
        guint end = tokens_item_end(tokens, text, at, tokens->tokens->len);

        value->kind = kind_of_value(nodes[i]);
        value->text = tokens_slice(tokens, text, at, end);
        g_ptr_array_add(values, value);
        at = end + 1;
    }
    return at;
}

void
tree_bound(PartitionBound *bound, const PgQuery__PartitionBoundSpec *tree, const char *text, const Tokens *tokens,
           guint first, guint last)
{
    guint at = first;

    bound->is_default = tree->is_default;
    bound->strategy = tree->strategy != NULL ? tree->strategy[0] : '\0';
    bound->modulus = tree->modulus;
    bound->remainder = tree->remainder;
    bound->lower = g_ptr_array_new_with_free_func(bound_value_free);
    bound->upper = g_ptr_array_new_with_free_func(bound_value_free);
    bound->text = tokens_slice(tokens, text, first, last);
    if (tree->n_listdatums > 0)
        read_values(bound->lower, tree->listdatums, tree->n_listdatums, text, tokens, at);
    if (tree->n_lowerdatums > 0) {
        at = read_values(bound->lower, tree->lowerdatums, tree->n_lowerdatums, text, tokens, at);
        read_values(bound->upper, tree->upperdatums, tree->n_upperdatums, text, tokens, at);
    }
}

void
tree_partition_cmd(AlterCmd *cmd, const PgQuery__PartitionCmd *tree, const char *text, const Tokens *tokens,
                   guint first, guint last)
{
    guint at = first + 2;

    cmd->partition = tree_rel_name(tree->name);
    cmd->is_concurrent = tree->concurrent;
    while (at < last && !tokens_is(tokens, text, at, "FOR") && !tokens_is(tokens, text, at, "DEFAULT"))
        at++;
    if (tree->bound != NULL)
        tree_bound(&cmd->bound, tree->bound, text, tokens, at, last);
}

void
tree_parents(Stmt *stmt, const PgQuery__CreateStmt *tree, const Tokens *tokens)
{
    CreateTableStmt *create = &stmt->create_table;
    guint at = 0;

    create->is_partitioned = tree->partspec != NULL;
    create->parents = g_ptr_array_new_with_free_func(stmt_rel_name_free);
    for (size_t i = 0; i < tree->n_inh_relations; i++) {
        RelName name = tree_rel_name(tree->inh_relations[i]->range_var);

        g_ptr_array_add(create->parents, g_memdup2(&name, sizeof(name)));
    }
    if (tree->partbound == NULL)
        return;
    while (at < tokens->tokens->len &&
           (tokens_at(tokens, at)->depth > 0 ||
            (!tokens_is(tokens, stmt->text, at, "FOR") && !tokens_is(tokens, stmt->text, at, "DEFAULT"))))
        at++;
    tree_bound(&create->bound, tree->partbound, stmt->text, tokens, at, tokens->tokens->len);
}
