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

/* The value of one column of "(a, b) = ...": of a row of expressions its own, of anything else the whole. */
static const PgQuery__Node *
value_of(const PgQuery__ResTarget *target)
{
    const PgQuery__MultiAssignRef *multi;

    if (target->val == NULL || target->val->node_case != PG_QUERY__NODE__NODE_MULTI_ASSIGN_REF)
        return target->val;
    multi = target->val->multi_assign_ref;
    if (multi->source != NULL && multi->source->node_case == PG_QUERY__NODE__NODE_ROW_EXPR &&
        multi->source->row_expr->n_args == (size_t)multi->ncolumns)
        return multi->source->row_expr->args[multi->colno - 1];
    return multi->source;
}

/* One "column = expression", or a further column of "(a, b) = ...", whose tokens are `first` to before `end`. */
static void
add_assignment(Stmt *stmt, const PgQuery__ResTarget *target, const Tokens *tokens, guint first, guint end)
{
    Assignment *assignment = g_new0(Assignment, 1);

    assignment->column = g_strdup(target->name);
    assignment->is_simple = target->n_indirection == 0 && target->val != NULL &&
                            target->val->node_case != PG_QUERY__NODE__NODE_MULTI_ASSIGN_REF &&
                            target->val->node_case != PG_QUERY__NODE__NODE_SET_TO_DEFAULT && first + 2 < end &&
                            stmt->text[tokens_at(tokens, first + 1)->start] == '=';
    tree_expr(&assignment->value, value_of(target));
    assignment->literal = tree_literal(target->val);
    if (assignment->is_simple)
        assignment->value.text = tokens_slice(tokens, stmt->text, first + 2, end);
    g_ptr_array_add(stmt->dml.assignments, assignment);
}

static void
add_assignments(Stmt *stmt, const PgQuery__UpdateStmt *tree, const Tokens *tokens, guint first, guint limit)
{
    guint end = first;

    for (size_t i = 0; i < tree->n_target_list; i++) {
        const PgQuery__ResTarget *target = tree->target_list[i]->res_target;
        gboolean is_further = target->val != NULL && target->val->node_case == PG_QUERY__NODE__NODE_MULTI_ASSIGN_REF &&
                              target->val->multi_assign_ref->colno > 1;

        if (!is_further) {
            first = i > 0 ? end + 1 : first;
            end = first < limit ? tokens_item_end(tokens, stmt->text, first, limit) : limit;
        }
        add_assignment(stmt, target, tokens, first, end);
    }
}

/* The first of `words` at depth 0 from `from` on, before `limit`; "IS DISTINCT FROM" is none of them. */
static guint
find_clause(const Stmt *stmt, const Tokens *tokens, guint from, guint limit, const char *const *words)
{
    for (guint i = from; i < limit; i++) {
        if (tokens_at(tokens, i)->depth != 0 || (i > 0 && tokens_is(tokens, stmt->text, i - 1, "DISTINCT")))
            continue;
        for (guint k = 0; words[k] != NULL; k++) {
            if (tokens_is(tokens, stmt->text, i, words[k]))
                return i;
        }
    }
    return limit;
}

void
tree_dml_where(Stmt *stmt, const PgQuery__Node *where, const Tokens *tokens, guint keyword, guint limit)
{
    DmlStmt *dml = &stmt->dml;

    tree_expr(&dml->where, where);
    dml->where_end = tokens_at(tokens, limit - 1)->end;
    dml->where_keyword = dml->where_end;
    if (where == NULL)
        return;
    if (where->node_case == PG_QUERY__NODE__NODE_CURRENT_OF_EXPR)
        dml->unsupported = "WHERE CURRENT OF";
    dml->where_keyword = tokens_at(tokens, keyword)->start;
    dml->where.text = tokens_slice(tokens, stmt->text, keyword + 1, limit);
}

/* The clauses behind the table or the SET list: FROM or USING, WHERE, RETURNING. */
static void
fill_clauses(Stmt *stmt, const PgQuery__Node *where, const char *from_word, const Tokens *tokens, guint at)
{
    static const char *const ends[] = {"RETURNING", NULL};
    static const char *const wheres[] = {"WHERE", NULL};
    const char *const froms[] = {from_word, NULL};
    guint limit = find_clause(stmt, tokens, at, tokens->tokens->len, ends);
    guint keyword = find_clause(stmt, tokens, at, limit, wheres);
    guint from = find_clause(stmt, tokens, at, keyword, froms);

    stmt->dml.guards = g_ptr_array_new_with_free_func(guard_free);
    if (where != NULL)
        guards_of(&stmt->dml, where);
    tree_dml_where(stmt, where, tokens, keyword, limit);
    if (from < keyword)
        stmt->dml.from = tokens_slice(tokens, stmt->text, from + 1, keyword);
}

void
tree_dml_rest(Stmt *stmt, size_t n, PgQuery__Node *const *nodes)
{
    const char *alias = stmt->dml.alias != NULL ? stmt->dml.alias : stmt->dml.relation.name;

    for (size_t i = 0; i < n; i++) {
        tree_expr_add(&stmt->dml.rest, nodes[i]);
        tree_reads(&stmt->dml, &nodes[i]->base, alias);
    }
}

void
tree_dml_begin(Stmt *stmt, const PgQuery__RangeVar *relation, const PgQuery__WithClause *with)
{
    DmlStmt *dml = &stmt->dml;

    dml->relation = tree_rel_name(relation);
    dml->is_only = !relation->inh;
    dml->assignments = g_ptr_array_new_with_free_func(assignment_free);
    tree_expr(&dml->rest, NULL);
    tree_expr(&dml->outer, NULL);
    tree_reads(dml, NULL, "");
    if (with != NULL) {
        dml->unsupported = "WITH";
        tree_dml_rest(stmt, with->n_ctes, with->ctes);
    }
}

static void
set_alias(DmlStmt *dml, const PgQuery__RangeVar *relation)
{
    dml->alias = relation->alias != NULL ? g_strdup(relation->alias->aliasname) : NULL;
}

void
tree_update(Stmt *stmt, const PgQuery__UpdateStmt *tree, const Tokens *tokens)
{
    static const char *const ends[] = {"FROM", "WHERE", "RETURNING", NULL};
    guint set = tokens_find(tokens, stmt->text, 0, "SET", 0) + 1;
    guint limit = find_clause(stmt, tokens, set, tokens->tokens->len, ends);

    set_alias(&stmt->dml, tree->relation);
    tree_dml_begin(stmt, tree->relation, tree->with_clause);
    add_assignments(stmt, tree, tokens, set, limit);
    fill_clauses(stmt, tree->where_clause, "FROM", tokens, limit);
    tree_dml_rest(stmt, tree->n_from_clause, tree->from_clause);
    tree_dml_rest(stmt, tree->n_returning_list, tree->returning_list);
    for (size_t i = 0; i < tree->n_target_list; i++)
        tree_reads(&stmt->dml, &tree->target_list[i]->base,
                   stmt->dml.alias != NULL ? stmt->dml.alias : stmt->dml.relation.name);
    if (tree->where_clause != NULL)
        tree_reads(&stmt->dml, &tree->where_clause->base,
                   stmt->dml.alias != NULL ? stmt->dml.alias : stmt->dml.relation.name);
}

void
tree_delete(Stmt *stmt, const PgQuery__DeleteStmt *tree, const Tokens *tokens)
{
    guint table = tokens_find(tokens, stmt->text, 0, "FROM", 0) + 1;

    set_alias(&stmt->dml, tree->relation);
    tree_dml_begin(stmt, tree->relation, tree->with_clause);
    fill_clauses(stmt, tree->where_clause, "USING", tokens, table);
    tree_dml_rest(stmt, tree->n_using_clause, tree->using_clause);
    tree_dml_rest(stmt, tree->n_returning_list, tree->returning_list);
    if (tree->where_clause != NULL)
        tree_reads(&stmt->dml, &tree->where_clause->base,
                   stmt->dml.alias != NULL ? stmt->dml.alias : stmt->dml.relation.name);
}
