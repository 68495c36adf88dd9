/*
 * INSERT: rows that it brings along, or a query; and of the query the table by whose rows it may be cut.
 */
#include <string.h>

#include "sql/tree.h"

/* What makes a row that goes in depend on more than one row of the table that FROM begins with. */
static const char *
hazard_of_query(const PgQuery__SelectStmt *select)
{
    if (select->op != PG_QUERY__SET_OPERATION__SETOP_NONE)
        return "UNION, INTERSECT or EXCEPT";
    if (select->with_clause != NULL)
        return "WITH";
    if (select->n_distinct_clause > 0)
        return "DISTINCT";
    if (select->n_group_clause > 0 || select->having_clause != NULL)
        return "GROUP BY or HAVING";
    if (select->limit_count != NULL || select->limit_offset != NULL)
        return "LIMIT or OFFSET";
    if (select->n_sort_clause > 0)
        return "ORDER BY (leave it out: the batches go in the order of the key)";
    if (select->n_window_clause > 0)
        return "a window function";
    return select->n_locking_clause > 0 ? "FOR UPDATE or FOR SHARE" : NULL;
}

/* The table that FROM begins with, if each of its rows is there at most as often as it has partners, and never turned
 * into NULLs: the left side of inner and left joins. */
static const PgQuery__RangeVar *
leftmost(const PgQuery__SelectStmt *select, const char **ret_hazard)
{
    const PgQuery__Node *node = select->from_clause[0];

    while (node->node_case == PG_QUERY__NODE__NODE_JOIN_EXPR) {
        const PgQuery__JoinExpr *join = node->join_expr;

        if (join->alias != NULL ||
            (join->jointype != PG_QUERY__JOIN_TYPE__JOIN_INNER && join->jointype != PG_QUERY__JOIN_TYPE__JOIN_LEFT)) {
            *ret_hazard = "a RIGHT or FULL JOIN, or a join with a name";
            return NULL;
        }
        node = join->larg;
    }
    if (node->node_case != PG_QUERY__NODE__NODE_RANGE_VAR ||
        (node->range_var->alias != NULL && node->range_var->alias->n_colnames > 0)) {
        *ret_hazard = "FROM that does not begin with a table";
        return NULL;
    }
    return node->range_var;
}

/* Where the query ends: at ON CONFLICT or RETURNING, or at the parenthesis that closes it. A column may be called
 * "conflict": with an ON CONFLICT clause the last of them is the clause. */
static guint
query_end(const Stmt *stmt, const Tokens *tokens, guint select, gboolean has_conflict)
{
    int depth = tokens_at(tokens, select)->depth;
    guint end = tokens->tokens->len;

    for (guint i = select + 1; i < tokens->tokens->len; i++) {
        const Token *token = tokens_at(tokens, i);

        if (token->depth < depth)
            return i;
        if (token->depth != depth)
            continue;
        if (tokens_is(tokens, stmt->text, i, "RETURNING"))
            return MIN(end, i);
        if (has_conflict && tokens_is(tokens, stmt->text, i, "ON") && tokens_is(tokens, stmt->text, i + 1, "CONFLICT"))
            end = i;
    }
    return end;
}

static void
fill_query(Stmt *stmt, const PgQuery__InsertStmt *tree, const PgQuery__SelectStmt *select, const Tokens *tokens)
{
    DmlStmt *dml = &stmt->dml;
    guint first = tokens_find(tokens, stmt->text, 0, "SELECT", 0);
    const PgQuery__RangeVar *source = leftmost(select, &dml->hazard);
    guint end;

    if (dml->hazard == NULL)
        dml->hazard = hazard_of_query(select);
    if (source != NULL) {
        dml->source = tree_rel_name(source);
        dml->alias = source->alias != NULL ? g_strdup(source->alias->aliasname) : NULL;
    }
    if (first == tokens->tokens->len)
        first = tokens_find(tokens, stmt->text, 0, "SELECT", 1);
    if (dml->hazard != NULL || first == tokens->tokens->len)
        return;
    end = query_end(stmt, tokens, first, tree->on_conflict_clause != NULL);
    dml->query = tokens_slice(tokens, stmt->text, first, end);
    tree_dml_where(stmt, select->where_clause, tokens,
                   tokens_find(tokens, stmt->text, first, "WHERE", tokens_at(tokens, first)->depth), end);
}

static void
fill_columns(DmlStmt *dml, const PgQuery__InsertStmt *tree)
{
    if (tree->n_cols == 0)
        return;
    dml->columns = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < tree->n_cols; i++)
        g_ptr_array_add(dml->columns, g_strdup(tree->cols[i]->res_target->name));
}

/* The name of a plain column of `table`, NULL for anything else. */
static const char *
plain_column(const PgQuery__Node *node, const PgQuery__RangeVar *table)
{
    const char *name = table->alias != NULL ? table->alias->aliasname : table->relname;
    const PgQuery__ColumnRef *ref;

    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || node->column_ref->n_fields > 2)
        return NULL;
    ref = node->column_ref;
    for (size_t i = 0; i < ref->n_fields; i++) {
        if (ref->fields[i]->node_case != PG_QUERY__NODE__NODE_STRING)
            return NULL;
    }
    if (ref->n_fields == 2 && strcmp(ref->fields[0]->string->sval, name) != 0)
        return NULL;
    return ref->fields[ref->n_fields - 1]->string->sval;
}

/* FALSE unless each of them is one. */
static gboolean
add_plain(GPtrArray *names, const PgQuery__Node *node, const PgQuery__RangeVar *table)
{
    const char *name = plain_column(node, table);

    if (name != NULL)
        g_ptr_array_add(names, g_strdup(name));
    return name != NULL;
}

static gboolean
add_filled(GPtrArray *names, const PgQuery__Node *node, const PgQuery__RangeVar *table)
{
    if (node->node_case == PG_QUERY__NODE__NODE_NULL_TEST)
        return node->null_test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NOT_NULL &&
               add_plain(names, node->null_test->arg, table);
    if (node->node_case != PG_QUERY__NODE__NODE_BOOL_EXPR ||
        node->bool_expr->boolop != PG_QUERY__BOOL_EXPR_TYPE__OR_EXPR)
        return FALSE;
    for (size_t i = 0; i < node->bool_expr->n_args; i++) {
        if (!add_filled(names, node->bool_expr->args[i], table))
            return FALSE;
    }
    return TRUE;
}

static void
fill_picked(DmlStmt *dml, const PgQuery__InsertStmt *tree, const PgQuery__SelectStmt *select)
{
    const PgQuery__RangeVar *table;

    if (select->n_from_clause != 1 || select->from_clause[0]->node_case != PG_QUERY__NODE__NODE_RANGE_VAR ||
        tree->on_conflict_clause != NULL || tree->n_returning_list > 0 ||
        tree->override != PG_QUERY__OVERRIDING_KIND__OVERRIDING_NOT_SET)
        return;
    table = select->from_clause[0]->range_var;
    dml->picked = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < select->n_target_list; i++) {
        if (!add_plain(dml->picked, select->target_list[i]->res_target->val, table)) {
            g_clear_pointer(&dml->picked, g_ptr_array_unref);
            return;
        }
    }
    dml->filled = g_ptr_array_new_with_free_func(g_free);
    if (select->where_clause == NULL || !add_filled(dml->filled, select->where_clause, table))
        g_clear_pointer(&dml->filled, g_ptr_array_unref);
}

/* All that it reads and calls, whichever way it goes. */
static void
fill_rest(Stmt *stmt, const PgQuery__InsertStmt *tree, const PgQuery__SelectStmt *select)
{
    DmlStmt *dml = &stmt->dml;
    const char *hazard = dml->hazard;
    const char *alias = dml->alias != NULL ? dml->alias : dml->source.name != NULL ? dml->source.name : "";
    g_autofree char *owned = g_strdup(alias);

    if (select != NULL) {
        tree_expr_add(&dml->rest, tree->select_stmt);
        for (size_t i = 0; i < select->n_target_list; i++)
            tree_expr_add_outer(&dml->outer, select->target_list[i]);
        tree_reads(dml, &tree->select_stmt->base, owned);
    }
    if (tree->on_conflict_clause != NULL) {
        tree_dml_rest(stmt, tree->on_conflict_clause->n_target_list, tree->on_conflict_clause->target_list);
        dml->is_upsert = tree->on_conflict_clause->n_target_list > 0;
    }
    tree_dml_rest(stmt, tree->n_returning_list, tree->returning_list);
    /* Said of the query as a whole, which is no subquery. */
    if (hazard != NULL)
        dml->hazard = hazard;
}

void
tree_insert(Stmt *stmt, const PgQuery__InsertStmt *tree, const Tokens *tokens)
{
    DmlStmt *dml = &stmt->dml;
    const PgQuery__SelectStmt *select = tree->select_stmt != NULL ? tree->select_stmt->select_stmt : NULL;

    tree_dml_begin(stmt, tree->relation, tree->with_clause);
    tree_expr(&dml->where, NULL);
    fill_columns(dml, tree);
    dml->is_values = select == NULL || select->n_values_lists > 0 ||
                     (select->n_from_clause == 0 && select->op == PG_QUERY__SET_OPERATION__SETOP_NONE);
    if (!dml->is_values && select->n_from_clause > 0 && tree->with_clause == NULL) {
        fill_query(stmt, tree, select, tokens);
        fill_picked(dml, tree, select);
    } else if (!dml->is_values && dml->unsupported == NULL)
        dml->hazard = "UNION, INTERSECT or EXCEPT";
    fill_rest(stmt, tree, select);
}
