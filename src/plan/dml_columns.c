#include <string.h>

#include "base/sqltext.h"
#include "plan/dml.h"

const char *
dml_alias(const DmlStmt *dml)
{
    if (dml->alias != NULL)
        return dml->alias;
    return dml->source.name != NULL ? dml->source.name : dml->relation.name;
}

gboolean
dml_has_namesake(const DmlStmt *dml)
{
    const RelName *row = dml->source.name != NULL ? &dml->source : &dml->relation;

    for (guint i = 0; i < dml->reads->len; i++) {
        const RelName *read = g_ptr_array_index(dml->reads, i);

        if (strcmp(read->name, row->name) == 0 && g_strcmp0(read->schema, row->schema) != 0)
            return TRUE;
    }
    return FALSE;
}

const char *
dml_word(const Stmt *stmt)
{
    return stmt->kind == STMT_UPDATE ? "UPDATE" : stmt->kind == STMT_DELETE ? "DELETE" : "INSERT";
}

GPtrArray *
dml_assigned(const DmlStmt *dml)
{
    GPtrArray *columns = g_ptr_array_new();

    for (guint i = 0; i < dml->assignments->len; i++)
        g_ptr_array_add(columns, ((const Assignment *)g_ptr_array_index(dml->assignments, i))->column);
    return columns;
}

static gboolean
is_system_column(const char *column)
{
    static const char *const names[] = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", NULL};

    return g_strv_contains(names, column);
}

/* A column reference that certainly, or as far as one can see, means the target. Where other relations are in sight, an
 * unqualified name that the target does not have is one of theirs; the server's EXPLAIN looks at all of them. */
static gboolean
check_reference(PlanContext *ctx, const Target *target, const Expr *expr, guint i, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    const char *qualifier = g_ptr_array_index(expr->qualifiers, i);
    const char *column = g_ptr_array_index(expr->columns, i);
    const char *alias = dml_alias(dml);
    gboolean has_others = dml->from != NULL || expr->has_subquery;

    if (is_system_column(column))
        return TRUE;
    if (qualifier != NULL && has_others && strcmp(qualifier, alias) != 0)
        return TRUE;
    if (!context_has_column(ctx, target, column) &&
        (strcmp(column, alias) == 0 || (has_others && (qualifier == NULL || dml_has_namesake(dml)))))
        return TRUE;
    return context_check_column(ctx, target, column, error);
}

static gboolean
check_expr(PlanContext *ctx, const Target *target, const Expr *expr, GError **error)
{
    if (expr->has_parameter) {
        context_refuse(error, "write the value", "there is no parameter $n in a migration");
        return FALSE;
    }
    if (expr->has_aggregate && !expr->has_subquery) {
        context_refuse(error, "compute it in a subquery", "an aggregate or window function is not allowed here");
        return FALSE;
    }
    for (guint i = 0; i < expr->columns->len; i++) {
        if (!check_reference(ctx, target, expr, i, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_assignment(PlanContext *ctx, const Target *target, const Assignment *assignment, GError **error)
{
    const FactColumn *column = target->table != NULL ? facts_column(target->table, assignment->column) : NULL;

    if (!context_check_column(ctx, target, assignment->column, error))
        return FALSE;
    if (column != NULL && column->is_generated) {
        context_refuse(error, NULL, "column \"%s\" is generated", assignment->column);
        return FALSE;
    }
    return check_expr(ctx, target, &assignment->value, error);
}

static gboolean
check_exists(PlanContext *ctx, const RelName *name, GError **error)
{
    g_autofree char *shown = sql_quote_name(name->schema, name->name);
    const GPtrArray *withs = ctx->stmt->dml.withs;
    gboolean is_created;

    if (dml_resolve(ctx, name, &is_created) != NULL || is_created ||
        (name->schema == NULL && g_ptr_array_find_with_equal_func((GPtrArray *)withs, name->name, g_str_equal, NULL)))
        return TRUE;
    context_refuse(error, "check the name, and the search_path of the role you connect as",
                   "table %s does not exist (search_path: %s)", shown, ctx->facts->search_path);
    return FALSE;
}

/* What is read of another table must not be dropped by an earlier statement: it is gone in the end, but not yet. */
static gboolean
check_read(PlanContext *ctx, const RelName *name, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    const FactTable *table = facts_find(ctx->facts, name->schema, name->name);

    if (!check_exists(ctx, name, error))
        return FALSE;
    for (guint i = 0; table != NULL && i < ctx->dropped->len; i++) {
        const ColumnChange *change = g_ptr_array_index(ctx->dropped, i);
        gboolean is_named = g_ptr_array_find_with_equal_func(dml->rest.columns, change->column, g_str_equal, NULL) ||
                            g_ptr_array_find_with_equal_func(dml->where.columns, change->column, g_str_equal, NULL);

        for (guint k = 0; k < dml->assignments->len; k++) {
            const Assignment *assignment = g_ptr_array_index(dml->assignments, k);
            is_named |= g_ptr_array_find_with_equal_func(assignment->value.columns, change->column, g_str_equal, NULL);
        }
        if (change->target->table == table && is_named) {
            context_refuse(error, "put this statement before the one that drops the column",
                           "column \"%s\" of table %s is dropped by an earlier statement, but only in the contract "
                           "phase",
                           change->column, table->name);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
dml_check_columns(PlanContext *ctx, const Target *target, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    gboolean is_insert = ctx->stmt->kind == STMT_INSERT;

    for (guint i = 0; i < dml->assignments->len; i++) {
        if (!check_assignment(ctx, target, g_ptr_array_index(dml->assignments, i), error))
            return FALSE;
    }
    for (guint i = 0; dml->columns != NULL && i < dml->columns->len; i++) {
        if (!context_check_column(ctx, target, g_ptr_array_index(dml->columns, i), error))
            return FALSE;
    }
    for (guint i = 0; i < dml->reads->len; i++) {
        if (!check_read(ctx, g_ptr_array_index(dml->reads, i), error))
            return FALSE;
    }
    if (dml->rest.has_parameter) {
        context_refuse(error, "write the value", "there is no parameter $n in a migration");
        return FALSE;
    }
    return is_insert || check_expr(ctx, target, &dml->where, error);
}
