/*
 * What an expression touches. What needs judgement is a row of `interests`.
 */
#include <string.h>

#include "sql/tree.h"

typedef void (*NodeVisit)(Expr *expr, const ProtobufCMessage *message);

static const char *
string_of(const PgQuery__Node *node)
{
    return node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : NULL;
}

static char *
joined_name(size_t n, PgQuery__Node *const *parts)
{
    GString *name = g_string_new(NULL);

    for (size_t i = 0; i < n; i++) {
        const char *part = string_of(parts[i]);

        if (part == NULL)
            continue;
        if (name->len > 0)
            g_string_append_c(name, '.');
        g_string_append(name, part);
    }
    return g_string_free(name, FALSE);
}

static void
visit_column_ref(Expr *expr, const ProtobufCMessage *message)
{
    const PgQuery__ColumnRef *ref = (const PgQuery__ColumnRef *)message;
    const char *last = ref->n_fields > 0 ? string_of(ref->fields[ref->n_fields - 1]) : NULL;

    if (last == NULL) {
        expr->has_whole_row = TRUE;
        return;
    }
    g_ptr_array_add(expr->columns, g_strdup(last));
    g_ptr_array_add(expr->qualifiers, ref->n_fields > 1 ? g_strdup(string_of(ref->fields[ref->n_fields - 2])) : NULL);
}

static void
visit_func_call(Expr *expr, const ProtobufCMessage *message)
{
    const PgQuery__FuncCall *call = (const PgQuery__FuncCall *)message;

    g_ptr_array_add(expr->functions, joined_name(call->n_funcname, call->funcname));
    if (call->agg_star || call->agg_distinct || call->agg_within_group || call->over != NULL ||
        call->agg_filter != NULL || call->n_agg_order > 0)
        expr->has_aggregate = TRUE;
}

static void
visit_a_expr(Expr *expr, const ProtobufCMessage *message)
{
    const PgQuery__AExpr *a = (const PgQuery__AExpr *)message;

    switch (a->kind) {
        case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
        case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
        case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM:
        case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM:
            /* Its "operator" is the word; what runs is this. */
            g_ptr_array_add(expr->operators, g_strdup(">="));
            g_ptr_array_add(expr->operators, g_strdup("<="));
            break;
        default:
            g_ptr_array_add(expr->operators, joined_name(a->n_name, a->name));
    }
}

static void
visit_sql_value(Expr *expr, const ProtobufCMessage *message)
{
    /* CURRENT_TIMESTAMP and its kin are as stable as now(). */
    g_ptr_array_add(expr->functions, g_strdup("pg_catalog.now"));
}

static void
visit_sub_link(Expr *expr, const ProtobufCMessage *message)
{
    expr->has_subquery = TRUE;
}

static void
visit_parameter(Expr *expr, const ProtobufCMessage *message)
{
    expr->has_parameter = TRUE;
}

static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    NodeVisit visit;
} interests[] = {
    {&pg_query__column_ref__descriptor, visit_column_ref}, {&pg_query__func_call__descriptor, visit_func_call},
    {&pg_query__a__expr__descriptor, visit_a_expr},        {&pg_query__sqlvalue_function__descriptor, visit_sql_value},
    {&pg_query__sub_link__descriptor, visit_sub_link},     {&pg_query__param_ref__descriptor, visit_parameter},
};

static gboolean
visit(gpointer data, const ProtobufCMessage *message)
{
    for (gsize i = 0; i < G_N_ELEMENTS(interests); i++) {
        if (interests[i].descriptor == message->descriptor)
            interests[i].visit(data, message);
    }
    return TRUE;
}

/* The same without what is within a subquery. */
static gboolean
visit_outer(gpointer data, const ProtobufCMessage *message)
{
    return message->descriptor != &pg_query__select_stmt__descriptor && visit(data, message);
}

static void
prepare(Expr *expr)
{
    if (expr->columns != NULL)
        return;
    expr->columns = g_ptr_array_new_with_free_func(g_free);
    expr->qualifiers = g_ptr_array_new_with_free_func(g_free);
    expr->functions = g_ptr_array_new_with_free_func(g_free);
    expr->operators = g_ptr_array_new_with_free_func(g_free);
}

void
tree_expr_add(Expr *expr, const PgQuery__Node *node)
{
    prepare(expr);
    if (node != NULL)
        tree_walk(&node->base, visit, expr);
}

void
tree_expr_add_outer(Expr *expr, const PgQuery__Node *node)
{
    prepare(expr);
    if (node != NULL)
        tree_walk(&node->base, visit_outer, expr);
}

void
tree_expr(Expr *expr, const PgQuery__Node *node)
{
    g_autofree char *literal = tree_literal(node);

    tree_expr_add(expr, node);
    expr->is_literal = literal != NULL;
    expr->is_null_literal = g_strcmp0(literal, "NULL") == 0;
}

static char *
const_literal(const PgQuery__AConst *constant)
{
    if (constant->isnull)
        return g_strdup("NULL");
    switch (constant->val_case) {
        case PG_QUERY__A__CONST__VAL_IVAL:
            return g_strdup_printf("%d", constant->ival->ival);
        case PG_QUERY__A__CONST__VAL_FVAL:
            return g_strdup(constant->fval->fval);
        case PG_QUERY__A__CONST__VAL_BOOLVAL:
            return g_strdup(constant->boolval->boolval ? "true" : "false");
        case PG_QUERY__A__CONST__VAL_SVAL:
            return g_strdup_printf("'%s'", constant->sval->sval);
        default:
            return NULL;
    }
}

char *
tree_literal(const PgQuery__Node *node)
{
    if (node == NULL || node->node_case != PG_QUERY__NODE__NODE_A_CONST)
        return NULL;
    return const_literal(node->a_const);
}
