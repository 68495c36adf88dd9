/*
 * Which UPDATE may be applied again, to rows that the old application writes behind the walk.
 *
 * Repeatable is an UPDATE that fills: its predicate finds a row by a column which it sets, a row that it has changed is
 * not found again, no value depends on what it sets, and the column is the migration's own (added in this file) or
 * about to be forbidden to be NULL (SET NOT NULL in this file). Anything else is applied once: what the applications
 * write later in columns of their own is theirs. A DELETE is never repeated: rows written later were not meant.
 */
#include <string.h>

#include "plan/recipe.h"

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

/* TRUE if no assigned value reads an assigned column: then the second run computes what the first one did. */
static gboolean
values_are_independent(const DmlStmt *dml)
{
    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);

        if (!assignment->is_simple || assignment->value.has_whole_row)
            return FALSE;
        for (guint k = 0; k < assignment->value.columns->len; k++) {
            if (assignment_to(dml, g_ptr_array_index(assignment->value.columns, k)) != NULL)
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

        if (stmt->kind != STMT_ALTER_TABLE ||
            facts_find(ctx->facts, stmt->alter_table.relation.schema, stmt->alter_table.relation.name) != target->table)
            continue;
        for (guint k = 0; k < stmt->alter_table.cmds->len; k++) {
            const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, k);

            if (cmd->kind == ALTER_SET_NOT_NULL && strcmp(cmd->column, column) == 0)
                return TRUE;
        }
    }
    return FALSE;
}

/* Types for which two literals that differ as text differ as values, and a literal comes back as it was written. */
static gboolean
compares_as_written(const char *type)
{
    static const char *const types[] = {"int",  "integer", "bigint", "smallint", "int2", "int4",
                                        "int8", "boolean", "bool",   "text",     NULL};
    g_autofree char *lower = g_ascii_strdown(type, -1);

    return g_strv_contains(types, lower);
}

static gboolean
is_plain_integer(const char *literal)
{
    const char *digits = literal[0] == '-' ? literal + 1 : literal;

    return digits[0] != '\0' && strspn(digits, "0123456789") == strlen(digits) &&
           (digits[0] != '0' || digits[1] == '\0');
}

static gboolean
same_class(const char *a, const char *b)
{
    return (a[0] == '\'') == (b[0] == '\'') && is_plain_integer(a) == is_plain_integer(b);
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
    const char *literal = assignment != NULL ? assignment->literal : NULL;

    if (assignment == NULL || assignment->value.is_null_literal)
        return FALSE;
    if (guard->kind == GUARD_IS_NULL) {
        if (added == NULL && !is_set_not_null(ctx, target, guard->column))
            return FALSE;
        if (literal == NULL)
            *ret_still = g_strdup_printf("CASE WHEN (%s\n) THEN (%s\n) IS NOT NULL ELSE false END", dml->where.text,
                                         assignment->value.text);
        return TRUE;
    }
    if (added == NULL || literal == NULL || !compares_as_written(added->definition->type) ||
        !same_class(literal, guard->literal))
        return FALSE;
    return (guard->kind == GUARD_DIFFERS) == (strcmp(literal, guard->literal) == 0);
}

gboolean
repeatable_decide(const PlanContext *ctx, const Target *target, const Stmt *stmt, char **ret_still)
{
    const DmlStmt *dml = &stmt->dml;

    if (stmt->kind == STMT_DELETE || !values_are_independent(dml))
        return FALSE;
    for (guint i = 0; i < dml->guards->len; i++) {
        if (guard_holds(ctx, target, dml, g_ptr_array_index(dml->guards, i), ret_still))
            return TRUE;
    }
    return FALSE;
}
