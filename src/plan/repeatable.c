/*
 * Which UPDATE may be applied again, to rows that the old application writes behind the walk.
 *
 * Repeatable is an UPDATE that fills: its predicate finds a row by a column which it sets, a row that it has changed is
 * not found again, no value depends on what it sets, and the column is the migration's own (added in this file) or
 * about to be forbidden to be NULL (SET NOT NULL in this file). Anything else is applied once: what the applications
 * write later in columns of their own is theirs. A DELETE is never repeated: rows written later were not meant.
 */
#include <string.h>

#include "plan/dml.h"

static const Assignment *
assignment_to(const DmlStmt *dml, const char *column)
{
    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);

        if (strcmp(assignment->column, column) == 0)
            return assignment;
    }
    return NULL;
}

/* A reference that may mean a column which the statement sets. One that is qualified with another table's name does
 * not; one that is qualified with a column's name takes a field of it. */
static gboolean
reads_assigned(const DmlStmt *dml, const char *qualifier, const char *column)
{
    if (qualifier == NULL || strcmp(qualifier, dml_alias(dml)) == 0)
        return assignment_to(dml, column) != NULL;
    return assignment_to(dml, qualifier) != NULL;
}

/* TRUE if no assigned value reads an assigned column: then the second run computes what the first one did. */
static gboolean
values_are_independent(const DmlStmt *dml)
{
    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);
        const Expr *value = &assignment->value;

        if (!assignment->is_simple || value->has_whole_row)
            return FALSE;
        for (guint k = 0; k < value->columns->len; k++) {
            if (reads_assigned(dml, g_ptr_array_index(value->qualifiers, k), g_ptr_array_index(value->columns, k)))
                return FALSE;
        }
    }
    return TRUE;
}

static gboolean
is_set_not_null(const PlanContext *ctx, const Target *target, const char *column)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt_alter(stmt, ALTER_SET_NOT_NULL, column) != NULL &&
            facts_find(ctx->facts, stmt->alter_table.relation.schema, stmt->alter_table.relation.name) == target->table)
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_plain_integer(const char *literal)
{
    const char *digits = literal[0] == '-' ? literal + 1 : literal;

    return digits[0] != '\0' && strspn(digits, "0123456789") == strlen(digits) &&
           (digits[0] != '0' || strcmp(literal, "0") == 0);
}

static gboolean
is_plain_boolean(const char *literal)
{
    return strcmp(literal, "true") == 0 || strcmp(literal, "false") == 0;
}

static gboolean
is_plain_text(const char *literal)
{
    return literal[0] == '\'';
}

/* Types and spellings for which literals that differ as text differ as values, and one comes back as it was written. */
static gboolean
stays_as_written(const char *type, const char *literal)
{
    static const struct {
        const char *type;
        gboolean (*is_plain)(const char *literal);
    } types[] = {
        {"int", is_plain_integer},      {"integer", is_plain_integer}, {"bigint", is_plain_integer},
        {"smallint", is_plain_integer}, {"int2", is_plain_integer},    {"int4", is_plain_integer},
        {"int8", is_plain_integer},     {"boolean", is_plain_boolean}, {"bool", is_plain_boolean},
        {"text", is_plain_text},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_ascii_strcasecmp(type, types[i].type) == 0)
            return types[i].is_plain(literal);
    }
    return FALSE;
}

/* TRUE if a row that the statement has changed does not satisfy the guard; `type` is that of its column. */
static gboolean
guard_excludes(const Assignment *assignment, const Guard *guard, const char *type)
{
    const char *literal = assignment->literal;

    if (guard->kind == GUARD_IS_NULL)
        return TRUE;
    if (literal == NULL || !stays_as_written(type, literal) || !stays_as_written(type, guard->literal))
        return FALSE;
    return (guard->kind == GUARD_DIFFERS) == (strcmp(literal, guard->literal) == 0);
}

/*
 * Whether a guard makes the UPDATE repeatable. `ret_still` then is a further condition under which a row still needs
 * work (for IS NULL: that the value to set is not NULL itself), or NULL if the predicate alone says so. CASE keeps the
 * value from being computed for rows that the predicate leaves out.
 */
static gboolean
guard_holds(const PlanContext *ctx, const Target *target, const DmlStmt *dml, const Guard *guard, char **ret_still)
{
    const Assignment *assignment = assignment_to(dml, guard->column);
    const ColumnChange *added = context_added(ctx, target, guard->column);

    if (assignment == NULL || assignment->value.is_null_literal)
        return FALSE;
    if (guard->kind == GUARD_IS_NULL) {
        if (added == NULL && !is_set_not_null(ctx, target, guard->column))
            return FALSE;
        if (assignment->literal == NULL)
            *ret_still = g_strdup_printf("CASE WHEN (%s\n) THEN (%s\n) IS NOT NULL ELSE false END", dml->where.text,
                                         assignment->value.text);
        return TRUE;
    }
    return added != NULL && guard_excludes(assignment, guard, added->definition->type);
}

gboolean
repeatable_decide(const PlanContext *ctx, const Target *target, const Stmt *stmt, char **ret_still)
{
    const DmlStmt *dml = &stmt->dml;

    if (stmt->kind != STMT_UPDATE || !values_are_independent(dml))
        return FALSE;
    for (guint i = 0; i < dml->guards->len; i++) {
        if (guard_holds(ctx, target, dml, g_ptr_array_index(dml->guards, i), ret_still))
            return TRUE;
    }
    return FALSE;
}

gboolean
repeatable_excludes(const PlanContext *ctx, const Target *target, const Stmt *stmt)
{
    const DmlStmt *dml = &stmt->dml;

    if (stmt->kind != STMT_UPDATE || !values_are_independent(dml))
        return FALSE;
    for (guint i = 0; i < dml->guards->len; i++) {
        const Guard *guard = g_ptr_array_index(dml->guards, i);
        const Assignment *assignment = assignment_to(dml, guard->column);
        const ColumnChange *added = context_added(ctx, target, guard->column);
        const FactColumn *column = facts_column(target->table, guard->column);

        if (assignment == NULL || assignment->value.is_null_literal || (added == NULL && column == NULL))
            continue;
        if (guard_excludes(assignment, guard, added != NULL ? added->definition->type : column->type))
            return TRUE;
    }
    return FALSE;
}
