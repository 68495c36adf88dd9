#include "plan/attach.h"

#include <string.h>

/* What PostgreSQL itself would refuse, but only after all the work. */
static gboolean
check_columns(const Attach *attach, GError **error)
{
    const FactTable *parent = attach->parent->table;
    const FactTable *child = attach->child->table;

    for (guint i = 0; i < parent->columns->len; i++) {
        const FactColumn *ours = g_ptr_array_index(parent->columns, i);
        const FactColumn *theirs = facts_column(child, ours->name);

        if (theirs != NULL && strcmp(theirs->type, ours->type) == 0 && (theirs->is_not_null || !ours->is_not_null))
            continue;
        context_refuse(error, "make the table like the parent first: CREATE TABLE ... (LIKE ... INCLUDING ALL)",
                       "column \"%s\" of %s is %s there, but %s%s in %s.%s", ours->name, child->name,
                       theirs == NULL ? "not" : theirs->type, ours->type, ours->is_not_null ? " NOT NULL" : "",
                       parent->schema, parent->name);
        return FALSE;
    }
    for (guint i = 0; i < child->columns->len; i++) {
        const FactColumn *theirs = g_ptr_array_index(child->columns, i);

        if (facts_column(parent, theirs->name) != NULL)
            continue;
        context_refuse(error, "drop it first", "column \"%s\" of %s is not in %s.%s", theirs->name, child->name,
                       parent->schema, parent->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_checks(const Attach *attach, GError **error)
{
    const FactTable *parent = attach->parent->table;
    const FactTable *child = attach->child->table;

    for (guint i = 0; i < parent->constraints->len; i++) {
        const FactConstraint *ours = g_ptr_array_index(parent->constraints, i);
        const FactConstraint *theirs = facts_constraint(child, ours->name);

        if (ours->is_inbound || (ours->kind != 'c' && ours->kind != 'x'))
            continue;
        if (ours->kind == 'c' && theirs != NULL && strcmp(theirs->definition, ours->definition) == 0)
            continue;
        context_refuse(error, "ALTER TABLE ... ADD CONSTRAINT in this same file, or before",
                       "table %s lacks constraint \"%s\" of %s.%s: %s", child->name, ours->name, parent->schema,
                       parent->name, ours->definition);
        return FALSE;
    }
    return TRUE;
}

gboolean
attach_check(const Attach *attach, GError **error)
{
    const FactTable *child = attach->child->table;

    if (attach->cmd->bound.is_default && attach->parent->table->default_name != NULL) {
        context_refuse(error, NULL, "%s.%s has a default partition already: %s", attach->parent->schema,
                       attach->parent->name, attach->parent->table->default_name);
        return FALSE;
    }
    if (child == NULL)
        return TRUE;
    if (child->is_derived || (child->kind == 'r' && child->has_children)) {
        context_refuse(error, NULL, "%s is %s already", child->name,
                       child->is_partition ? "a partition" : "in a family of inheritance, or a typed table,");
        return FALSE;
    }
    return check_columns(attach, error) && check_checks(attach, error);
}

/* Keys that the file adds to the new partition first are not among its facts. */
gboolean
attach_check_keys(const Attach *attach, GError **error)
{
    const PlanContext *ctx = attach->ctx;

    for (guint i = 0; i < ctx->script->stmts->len && g_ptr_array_index(ctx->script->stmts, i) != ctx->stmt; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);
        const AlterTableStmt *alter = &stmt->alter_table;

        if (stmt->kind != STMT_ALTER_TABLE ||
            facts_find(ctx->facts, alter->relation.schema, alter->relation.name) != attach->child->table)
            continue;
        for (guint k = 0; k < alter->cmds->len; k++) {
            const AlterCmd *cmd = g_ptr_array_index(alter->cmds, k);

            if (cmd->kind != ALTER_ADD_CONSTRAINT || cmd->constraint->kind == CONSTRAINT_CHECK)
                continue;
            context_refuse(
                error,
                "leave that constraint out: ATTACH PARTITION makes it online where the parent has one; or put "
                "ATTACH into a migration of its own",
                "%s adds a constraint to %s, which ATTACH PARTITION would have to know", stmt->place,
                attach->child->name);
            return FALSE;
        }
    }
    return TRUE;
}

/* Of a table that the file makes and fills, nobody knows yet what is in it: keys and foreign keys would be made under
 * the locks of ATTACH. */
gboolean
attach_check_filled(const Attach *attach, GError **error)
{
    const GPtrArray *backfills = attach->ctx->phases[PHASE_BACKFILL];

    for (guint i = 0; attach->child->table == NULL && i < backfills->len; i++) {
        const Step *step = g_ptr_array_index(backfills, i);

        if (!step_is_of(step, attach->child->schema, attach->child->name))
            continue;
        context_refuse(error, "put ATTACH PARTITION into a migration of its own, after this one",
                       "%s fills %s, which this file makes: what ATTACH PARTITION would have to build and prove can "
                       "only be seen when it is there",
                       step->place, attach->child->name);
        return FALSE;
    }
    return TRUE;
}
