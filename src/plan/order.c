/*
 * Orders of a file that the phases would turn round. A change of rows runs before the gate; what waits behind it may be
 * what the change needs: DROP CONSTRAINT, DISABLE TRIGGER, a wider type. Then the file is refused.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/recipe.h"

static gboolean
assigns(const DmlStmt *dml, const char *column)
{
    if (dml->columns != NULL)
        return g_ptr_array_find_with_equal_func(dml->columns, column, g_str_equal, NULL);
    for (guint i = 0; i < dml->assignments->len; i++) {
        if (strcmp(((const Assignment *)g_ptr_array_index(dml->assignments, i))->column, column) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
assigns_any(const DmlStmt *dml, const GPtrArray *columns)
{
    for (guint i = 0; columns != NULL && i < columns->len; i++) {
        if (assigns(dml, g_ptr_array_index(columns, i)))
            return TRUE;
    }
    return FALSE;
}

/* TRUE if the change of rows may go another way once the step has run. A constraint or a type concerns those who write
 * its columns; of anything else (triggers, rules, row security, owner) that cannot be known. */
static gboolean
may_need(const FactTable *table, const Step *step, const Stmt *change)
{
    const char *constraint_name = step_get(step, PARAM_CONSTRAINT);
    const FactConstraint *constraint = constraint_name != NULL ? facts_constraint(table, constraint_name) : NULL;

    if ((step->kind != STEP_DDL_RUN && step->kind != STEP_DDL_FINAL) || step_is(step, PARAM_LONG))
        return FALSE;
    if (change->kind == STMT_INSERT && change->dml.columns == NULL)
        return TRUE;
    if (constraint != NULL)
        return assigns_any(&change->dml, constraint->columns);
    if (constraint_name != NULL)
        return FALSE;
    if (step_get(step, PARAM_COLUMN) != NULL)
        return assigns(&change->dml, step_get(step, PARAM_COLUMN));
    return TRUE;
}

/* The same for a foreign key of another table that references this one: a DELETE, or a new key value, may need it gone.
 */
static gboolean
may_need_inbound(const FactTable *table, const Step *step, const Stmt *change)
{
    const char *name = step_get(step, PARAM_CONSTRAINT);

    for (guint i = 0; step->kind == STEP_DDL_FINAL && name != NULL && i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);

        if (constraint->is_inbound && strcmp(constraint->name, name) == 0 &&
            step_is_of(step, constraint->other_schema, constraint->other_table))
            return change->kind == STMT_DELETE || assigns_any(&change->dml, constraint->columns);
    }
    return FALSE;
}

static gboolean
is_before(const Script *script, const Stmt *a, const Stmt *b)
{
    for (guint i = 0; i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        if (stmt == b)
            return FALSE;
        if (stmt == a)
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_change(PlanContext *ctx, const Stmt *change, GError **error)
{
    const FactTable *table = facts_find(ctx->facts, change->dml.relation.schema, change->dml.relation.name);

    for (guint i = 0; table != NULL && i < ctx->phases[PHASE_CONTRACT]->len; i++) {
        const Step *step = g_ptr_array_index(ctx->phases[PHASE_CONTRACT], i);

        if (!is_before(ctx->script, g_hash_table_lookup(ctx->stmts, step), change) ||
            !(step_is_of(step, table->schema, table->name) ? may_need(table, step, change)
                                                           : may_need_inbound(table, step, change)))
            continue;
        ctx->offset = change->offset;
        context_refuse(error, "put it into a migration of its own, after this one",
                       "this %s stands behind %s, which waits for the contract phase: it would run before it",
                       change->what, step->place);
        return FALSE;
    }
    return TRUE;
}

gboolean
recipe_order(PlanContext *ctx, GError **error)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if ((stmt->kind == STMT_UPDATE || stmt->kind == STMT_DELETE || stmt->kind == STMT_INSERT) &&
            stmt->consent == NULL && !check_change(ctx, stmt, error))
            return FALSE;
    }
    return TRUE;
}
