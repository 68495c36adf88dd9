/*
 * DETACH PARTITION: concurrently where PostgreSQL can (research: rows 50, 51), behind the gate: the old application
 * still reads the rows through the parent, and nothing brings them back there but an ATTACH.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/recipe.h"

static gboolean
check_detach(const Target *target, const FactTable *child, const AlterCmd *cmd, GError **error)
{
    if (child == NULL) {
        context_refuse(error, NULL, "table %s does not exist", cmd->partition.name);
        return FALSE;
    }
    if (target->table == NULL || !child->is_partition || g_strcmp0(child->parent_name, target->name) != 0 ||
        g_strcmp0(child->parent_schema, target->schema) != 0) {
        context_refuse(error, NULL, "%s.%s is not a partition of %s.%s", child->schema, child->name, target->schema,
                       target->name);
        return FALSE;
    }
    if (cmd->is_concurrent && target->table->default_name != NULL) {
        context_refuse(error, "leave CONCURRENTLY out: the locks are then held for an instant",
                       "PostgreSQL cannot detach concurrently from %s: it has a default partition, %s", target->name,
                       target->table->default_name);
        return FALSE;
    }
    return TRUE;
}

/* The CHECK that DETACH ... CONCURRENTLY leaves on the table (DetachAddConstraintIfNeeded of tablecmds.c), unless there
 * is one that says the same. */
static char *
check_left_behind(const FactTable *child)
{
    g_autofree char *check = g_strdup_printf("CHECK (%s)", child->partition_constraint);

    for (guint i = 0; i < child->constraints->len; i++) {
        if (strcmp(((const FactConstraint *)g_ptr_array_index(child->constraints, i))->definition, check) == 0)
            return NULL;
    }
    return g_steal_pointer(&check);
}

static void
detach_concurrently(PlanContext *ctx, const Target *target, const Target *child, const AlterCmd *cmd)
{
    Step *step = context_step(ctx, PHASE_CONTRACT, STEP_PARTITION_DETACH, target);
    g_autofree char *check = check_left_behind(child->table);

    step->sql = sql_build("ALTER TABLE ? DETACH PARTITION ? CONCURRENTLY", sql_name(target->schema, target->name),
                          sql_name(child->schema, child->name));
    step->why =
        g_strdup("the old application reads the rows through the parent: waits behind the gate; as it stands it takes "
                 "ACCESS EXCLUSIVE on both, concurrently nobody who uses the parent waits");
    step_set(step, PARAM_PARTITION, child->name);
    step_set(step, PARAM_PARTITION_SCHEMA, child->schema);
    if (!cmd->is_concurrent && check != NULL)
        step_set(step, PARAM_CHECK, check);
    step_add_lock(step, target->schema, target->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_INSTANT, TRUE);
    context_lock(step, child, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    recipe_partition_locks(step, target->table, LOCK_SHARE_ROW_EXCLUSIVE, LOCK_ACCESS_EXCLUSIVE, FALSE);
}

static void
detach_at_once(PlanContext *ctx, const Target *target, const Target *child, const char *sql)
{
    Step *step = context_step(ctx, PHASE_CONTRACT, STEP_DDL_FINAL, target);
    const FactTable *fallback = facts_find(ctx->facts, target->table->default_schema, target->table->default_name);
    g_autofree char *theirs = sql_quote_name(child->schema, child->name);
    g_autofree char *verify = sql_build(
        "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = pg_catalog.to_regclass(?))",
        sql_literal(theirs));

    step->sql = g_strdup(sql);
    step->why =
        g_strdup("the old application reads the rows through the parent: waits behind the gate; there is a default "
                 "partition, so it cannot be concurrent, but only catalog rows change");
    step_set(step, PARAM_VERIFY, verify);
    step_add_lock(step, target->schema, target->name, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
    context_lock(step, child, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    if (fallback != NULL && fallback != child->table) {
        Target other = {fallback->schema, fallback->name, fallback, NULL};

        context_lock(step, &other, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    }
    recipe_partition_locks(step, target->table, LOCK_SHARE_ROW_EXCLUSIVE, LOCK_ACCESS_EXCLUSIVE, FALSE);
}

gboolean
recipe_detach(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    const FactTable *table = facts_find(ctx->facts, cmd->partition.schema, cmd->partition.name);
    const Target *child;

    if (!check_detach(target, table, cmd, error))
        return FALSE;
    child = context_target_of(ctx, &cmd->partition, "rpf", error);
    if (child == NULL)
        return FALSE;
    if (target->table->default_name != NULL)
        detach_at_once(ctx, target, child, sql);
    else
        detach_concurrently(ctx, target, child, cmd);
    plan_note(ctx->plan, "%s: from DETACH on the rows of %s are no longer rows of %s; it cannot be undone",
              ctx->stmt->place, child->name, target->name);
    return TRUE;
}
