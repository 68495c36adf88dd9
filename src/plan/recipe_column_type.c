/*
 * ALTER COLUMN TYPE. Where only catalog rows change it runs as it stands, in the contract phase: the way back would
 * narrow the type, which is a rewrite. Anything else becomes part of an online rewrite (recipe_column_rewrite.c).
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/recipe_column.h"
#include "plan/version.h"
#include "rules/type_change.h"

/* Views, rules, policies, generated columns and the like stop the statement (0A000). NULL: there are none. */
static char *
dependents_reason(const FactTable *table, const char *column)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < table->dependents->len; i++) {
        const FactDependent *dependent = g_ptr_array_index(table->dependents, i);

        if (strcmp(dependent->column, column) == 0)
            g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", dependent->what);
    }
    if (out->len == 0)
        return NULL;
    return g_strdup_printf(
        "only catalog rows would change, but column \"%s\" is used by %s, and PostgreSQL refuses that", column,
        out->str);
}

/* An index on an expression or with a predicate that mentions the column is built anew under the lock, whatever the
 * types (CheckIndexCompatible in src/backend/commands/indexcmds.c). Its definition is searched as text: a name that
 * happens to stand in it is one copy too many, never one too few. */
static char *
indexes_reason(const FactTable *table, const char *column, gboolean rebuilds_all)
{
    for (guint i = 0; i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);
        gboolean is_special = index->columns == NULL || index->is_partial;

        if (!(is_special && strstr(index->definition, column) != NULL) &&
            !(rebuilds_all && names_contain(index->columns, column)))
            continue;
        return g_strdup_printf("index \"%s\" would be built anew under ACCESS EXCLUSIVE%s", index->name,
                               is_special ? ": it is partial or on an expression" : "");
    }
    return NULL;
}

/* The base types of both ends of a foreign key must stay comparable without a look at the rows. */
static char *
foreign_keys_reason(const FactTable *table, const char *column, const char *from, const char *to)
{
    gboolean same_base = strncmp(from, to, MIN(strcspn(from, "("), strcspn(to, "("))) == 0;

    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);

        if (constraint->kind == 'f' && names_contain(constraint->columns, column) && !same_base)
            return g_strdup_printf("foreign key \"%s\" would be checked anew under ACCESS EXCLUSIVE on both tables",
                                   constraint->name);
    }
    return NULL;
}

/* What the pair of types and USING ask for. */
static char *
pair_reason(const Facts *facts, const FactColumn *column, const AlterCmd *cmd, const FactType *type,
            TypeChange *ret_change)
{
    *ret_change = type_change(column->type, type->formatted, facts->time_zone);
    /* Without COLLATE the column gets the collation of its new type: another one sorts otherwise. */
    if (cmd->definition.base != NULL || column->has_collation)
        *ret_change = MAX(*ret_change, TYPE_CHANGE_REINDEX);
    if (!cmd->is_plain_using)
        return g_strdup_printf("USING %s computes each row anew", cmd->default_value.text);
    if (*ret_change != TYPE_CHANGE_REWRITE && !type->is_constrained_domain)
        return NULL;
    return g_strdup_printf("%s to %s writes every row anew under ACCESS EXCLUSIVE", column->type, type->formatted);
}

char *
column_type_reason(const Facts *facts, const FactTable *table, const AlterCmd *cmd, TypeChange *ret_change)
{
    const FactType *type = g_hash_table_lookup(facts->types, cmd->definition.type);
    const FactColumn *column = facts_column(table, cmd->column);
    char *reason;

    *ret_change = TYPE_CHANGE_NONE;
    if (column == NULL || type == NULL || type->formatted == NULL)
        return NULL;
    reason = pair_reason(facts, column, cmd, type, ret_change);
    if (reason == NULL && *ret_change == TYPE_CHANGE_NONE)
        return NULL;
    if (reason == NULL)
        reason = indexes_reason(table, cmd->column, *ret_change == TYPE_CHANGE_REINDEX);
    if (reason == NULL)
        reason = foreign_keys_reason(table, cmd->column, column->type, cmd->definition.type);
    return reason != NULL ? reason : dependents_reason(table, cmd->column);
}

static gboolean
check_type(const PlanContext *ctx, const AlterCmd *cmd, GError **error)
{
    const FactType *type = g_hash_table_lookup(ctx->facts->types, cmd->definition.type);

    if (type != NULL && type->exists && type->formatted != NULL)
        return TRUE;
    context_refuse(error, NULL, "type %s does not exist", cmd->definition.type);
    return FALSE;
}

/* A check that stays: none that the file drops, itself or with a column. */
static gboolean
is_kept_check(const PlanContext *ctx, const Target *target, const FactConstraint *constraint, const char *column)
{
    if (constraint->kind != 'c' || !names_contain(constraint->columns, column) ||
        context_planned(ctx, target, STEP_DDL_FINAL, PARAM_CONSTRAINT, constraint->name) != NULL)
        return FALSE;
    for (guint i = 0; i < constraint->columns->len; i++) {
        if (context_is_dropped(ctx, target, g_ptr_array_index(constraint->columns, i)))
            return FALSE;
    }
    return TRUE;
}

/* A check that reads the column would be evaluated for every row under the lock: it is taken off in the same
 * transaction and comes back NOT VALID, to be proven afterwards. */
static void
reset_checks(PlanContext *ctx, const Target *target, Step *step, const char *column)
{
    SqlArg table = sql_name(target->schema, target->name);
    g_autofree char *alter = g_steal_pointer(&step->sql);

    for (guint i = 0; i < target->table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(target->table->constraints, i);
        gboolean is_valid = constraint->is_valid;
        Step *validate;

        if (!is_kept_check(ctx, target, constraint, column))
            continue;
        if (step->sql == NULL)
            step->sql = sql_build("ALTER TABLE ? DROP CONSTRAINT ?", table, sql_ident(constraint->name));
        else
            step_append(step, PARAM_MORE,
                        sql_build("ALTER TABLE ? DROP CONSTRAINT ?", table, sql_ident(constraint->name)));
        if (!is_valid)
            continue;
        validate = context_step(ctx, PHASE_CONTRACT, STEP_DDL_FINAL, target);
        validate->sql = sql_build("ALTER TABLE ? VALIDATE CONSTRAINT ?", table, sql_ident(constraint->name));
        validate->why = g_strdup("the check that the change of type has taken off and put back NOT VALID");
        validate->rows = target->table->rows;
        step_set(validate, PARAM_LONG, "true");
        context_lock(validate, target, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_SCAN);
    }
    if (step->sql == NULL) {
        step->sql = g_steal_pointer(&alter);
        return;
    }
    step_append(step, PARAM_MORE, g_steal_pointer(&alter));
    for (guint i = 0; i < target->table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(target->table->constraints, i);

        if (!is_kept_check(ctx, target, constraint, column))
            continue;
        step_append(step, PARAM_MORE,
                    sql_build("ALTER TABLE ? ADD CONSTRAINT ? ??", table, sql_ident(constraint->name),
                              sql_raw(constraint->definition), sql_raw(constraint->is_valid ? " NOT VALID" : "")));
        context_append_comment(step, PARAM_MORE, target, constraint);
    }
}

static void
lock_partners(Step *step, const FactTable *table, const char *column)
{
    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);

        if (constraint->kind == 'f' && names_contain(constraint->columns, column) && constraint->other_table != NULL &&
            (strcmp(constraint->other_table, table->name) != 0 || strcmp(constraint->other_schema, table->schema) != 0))
            step_add_lock(step, constraint->other_schema, constraint->other_table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT,
                          constraint->other_is_owned);
    }
}

/* A check that this file adds would be evaluated for every row under the lock. */
static gboolean
check_new_checks(PlanContext *ctx, const Target *target, const char *column, GError **error)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt->kind != STMT_ALTER_TABLE ||
            facts_find(ctx->facts, stmt->alter_table.relation.schema, stmt->alter_table.relation.name) != target->table)
            continue;
        for (guint k = 0; k < stmt->alter_table.cmds->len; k++) {
            const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, k);

            if (cmd->constraint == NULL || cmd->constraint->kind != CONSTRAINT_CHECK ||
                !names_contain(cmd->constraint->check.columns, column))
                continue;
            context_refuse(error, "change the type in a migration of its own, before this one",
                           "%s adds a CHECK that reads column \"%s\": it would be evaluated for every row under the "
                           "lock of the change of type",
                           stmt->place, column);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
change_type(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    const FactColumn *column = facts_column(target->table, cmd->column);
    g_autofree char *reason = NULL;
    TypeChange change;
    Step *step;

    if (!check_type(ctx, cmd, error))
        return FALSE;
    reason = column_type_reason(ctx->facts, target->table, cmd, &change);
    if (reason == NULL && change == TYPE_CHANGE_NONE) {
        plan_note(ctx->plan, "%s: column \"%s\" is of type %s already, nothing to do", ctx->stmt->place, cmd->column,
                  column->type);
        return TRUE;
    }
    if (!version_check_shown(ctx, target->table, cmd->column, error) ||
        !context_claim(ctx, target, cmd->column, "type", error))
        return FALSE;
    if (reason != NULL)
        return column_rewrite_type(ctx, target, cmd, reason, error);
    if (!check_new_checks(ctx, target, cmd->column, error))
        return FALSE;
    step = context_step(ctx, PHASE_CONTRACT, STEP_DDL_FINAL, target);
    step->sql = g_strdup(sql);
    step_set(step, PARAM_COLUMN, cmd->column);
    step->why = g_strdup_printf("%s to %s: only catalog rows change. The way back would rewrite the table, so it waits "
                                "behind the gate",
                                column->type, cmd->definition.type);
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    lock_partners(step, target->table, cmd->column);
    reset_checks(ctx, target, step, cmd->column);
    plan_note(
        ctx->plan,
        "%s: a prepared statement that returns column \"%s\" fails once in each session with \"cached plan "
        "must not change result type\" (0A000): let the application's pool open new sessions with `pgseam complete`",
        ctx->stmt->place, cmd->column);
    plan_note(ctx->plan,
              "%s: the new application gets the type of column \"%s\" with `pgseam complete`; if it needs it "
              "before, put this statement into a migration of its own that is completed first",
              ctx->stmt->place, cmd->column);
    return TRUE;
}

gboolean
recipe_column_type(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    Step *step;

    if (!context_check_column(ctx, target, cmd->column, error))
        return FALSE;
    if (target->table != NULL && facts_column(target->table, cmd->column) != NULL)
        return ctx->script->version == NULL
                   ? change_type(ctx, target, cmd, sql, error)
                   : (column_is_type_of_file(ctx, &cmd->definition) || check_type(ctx, cmd, error)) &&
                         version_retype(ctx, target, cmd, error);
    if (target->table != NULL) {
        context_refuse(error, "write the type into the ADD COLUMN", "column \"%s\" is added in this same file",
                       cmd->column);
        return FALSE;
    }
    step = context_step(ctx, PHASE_EXPAND, STEP_DDL_RUN, target);
    step->sql = g_strdup(sql);
    step->why = g_strdup("the table is made by this file: nobody else uses it yet");
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    return TRUE;
}
