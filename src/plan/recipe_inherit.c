/*
 * ALTER TABLE ... INHERIT and NO INHERIT (research: row 52): catalog rows only, ACCESS EXCLUSIVE on the child and SHARE
 * UPDATE EXCLUSIVE on the parent.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/recipe.h"

static gboolean
is_child_of(const FactTable *child, const FactTable *parent)
{
    for (guint i = 0; i < parent->descendants->len; i++) {
        if (g_ptr_array_index(parent->descendants, i) == child)
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_inherit(const FactTable *child, const FactTable *parent, gboolean comes, GError **error)
{
    if (child == NULL || parent == NULL) {
        context_not_yet(error, "write INHERITS into its CREATE TABLE", "INHERIT of tables that this file makes");
        return FALSE;
    }
    if (is_child_of(child, parent) == comes) {
        context_refuse(error, NULL, "%s.%s is %s of %s.%s", child->schema, child->name,
                       comes ? "a child already" : "no child", parent->schema, parent->name);
        return FALSE;
    }
    for (guint i = 0; comes && i < parent->columns->len; i++) {
        const FactColumn *ours = g_ptr_array_index(parent->columns, i);
        const FactColumn *theirs = facts_column(child, ours->name);

        if (theirs != NULL && strcmp(theirs->type, ours->type) == 0 && (theirs->is_not_null || !ours->is_not_null))
            continue;
        context_refuse(error, "add or change the column first, in a migration of its own",
                       "column \"%s\" of %s.%s must be in %s.%s, as %s%s", ours->name, parent->schema, parent->name,
                       child->schema, child->name, ours->type, ours->is_not_null ? " NOT NULL" : "");
        return FALSE;
    }
    return TRUE;
}

gboolean
recipe_alter_inherit(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    gboolean comes = cmd->kind == ALTER_INHERIT;
    const Target *parent = context_target_of(ctx, &cmd->partition, "rp", error);
    Step *step;

    if (parent == NULL || !check_inherit(target->table, parent->table, comes, error))
        return FALSE;
    step = context_step(ctx, comes ? PHASE_EXPAND : PHASE_CONTRACT, comes ? STEP_DDL_RUN : STEP_DDL_FINAL, target);
    step->sql = g_strdup(sql);
    step->why =
        g_strdup(comes ? "only catalog rows change: the rows become rows of the parent, too"
                       : "the old application reads the rows through the parent: waits behind the gate; the columns "
                         "become the table's own, which cannot be undone");
    if (comes)
        step_append(step, PARAM_UNDO,
                    sql_build("ALTER TABLE ? NO INHERIT ?", sql_name(target->schema, target->name),
                              sql_name(parent->schema, parent->name)));
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    step_add_lock(step, parent->schema, parent->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_INSTANT, TRUE);
    return TRUE;
}
