/*
 * SET NOT NULL in steps that never scan under a lock which blocks anybody (research: recipe R1n, measured on 12 to 18),
 * and DROP NOT NULL.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/recipe.h"

/* server_version_num of the first server whose NOT NULL can be NOT VALID. */
#define NOT_NULL_NOT_VALID_SINCE 180000

/* A name for the helper that no constraint of the table has. */
static char *
constraint_name(const Target *target, const char *column)
{
    g_autofree char *stem = g_strconcat(target->name, "_", column, NULL);
    char *name = name_bounded("not_null", stem);

    for (unsigned number = 2; context_constraint(target, name) != NULL; number++) {
        g_autofree char *numbered = g_strdup_printf("%u_%s", number, stem);

        g_free(name);
        name = name_bounded("not_null", numbered);
    }
    return name;
}

static Step *
add_step(PlanContext *ctx, Phase phase, StepKind kind, const Target *target, const char *column, const char *constraint)
{
    Step *step = context_step(ctx, phase, kind, target);

    step_set(step, PARAM_COLUMN, column);
    step_set(step, PARAM_CONSTRAINT, constraint);
    return step;
}

static Step *
add_validate(PlanContext *ctx, const Target *target, const char *column, const char *constraint, Phase phase)
{
    Step *step = add_step(ctx, phase, STEP_CHECK_VALIDATE, target, column, constraint);

    step->sql =
        sql_build("ALTER TABLE ? VALIDATE CONSTRAINT ?", sql_name(target->schema, target->name), sql_ident(constraint));
    step->why = g_strdup("reads every row once, while reads and writes go on");
    step->rows = target->table != NULL ? target->table->rows : 0;
    context_lock(step, target, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_SCAN);
    return step;
}

/* Up to 17: a check first, which proves SET NOT NULL. */
static void
add_by_check(PlanContext *ctx, const Target *target, const char *name, const char *sql, Phase phase)
{
    g_autofree char *plain = effect_describe("SET NOT NULL", ctx->facts->server_version);
    g_autofree char *constraint = constraint_name(target, name);
    SqlArg table = sql_name(target->schema, target->name);
    Step *step = add_step(ctx, phase, STEP_CHECK_ADD_NOT_VALID, target, name, constraint);

    step->sql = sql_build("ALTER TABLE ? ADD CONSTRAINT ? CHECK (? IS NOT NULL) NOT VALID", table,
                          sql_ident(constraint), sql_ident(name));
    step->why = g_strdup_printf("as it stands SET NOT NULL takes %s; a check first makes the proof cheap", plain);
    step_set(step, PARAM_TRANSIENT, "true");
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    step_set(add_validate(ctx, target, name, constraint, phase), PARAM_TRANSIENT, "true");
    step = add_step(ctx, phase, STEP_COLUMN_SET_NOT_NULL, target, name, constraint);
    step->sql =
        sql != NULL ? g_strdup(sql) : sql_build("ALTER TABLE ? ALTER COLUMN ? SET NOT NULL", table, sql_ident(name));
    step->why = g_strdup("the valid check proves it, so nothing is scanned; the check is dropped with it");
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
}

/* From 18 on NOT NULL is a constraint itself, which can be NOT VALID (manual of 18, ALTER TABLE): under the name that
 * SET NOT NULL would give it (ChooseConstraintName with "not_null"). */
static void
add_not_valid(PlanContext *ctx, const Target *target, const char *name, Phase phase)
{
    g_autofree char *plain = effect_describe("SET NOT NULL", ctx->facts->server_version);
    g_autofree char *constraint = NULL;
    SqlArg table = sql_name(target->schema, target->name);
    Step *step;

    for (unsigned number = 0; constraint == NULL || context_is_constraint_taken(ctx, target, constraint); number++) {
        g_free(constraint);
        constraint = name_default(target->name, name, "not_null", number);
    }
    context_claim_constraint(ctx, target, constraint);
    step = add_step(ctx, phase, STEP_CHECK_ADD_NOT_VALID, target, name, constraint);
    step->sql =
        sql_build("ALTER TABLE ? ADD CONSTRAINT ? NOT NULL ? NOT VALID", table, sql_ident(constraint), sql_ident(name));
    step->why = g_strdup_printf("as it stands SET NOT NULL takes %s; this way only new rows are checked", plain);
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    add_validate(ctx, target, name, constraint, phase);
}

/* A table that this file makes is nobody's yet. */
static void
add_as_written(PlanContext *ctx, const Target *target, const char *column, const char *sql)
{
    Step *step = context_step(ctx, context_phase_after(ctx, target, FALSE), STEP_DDL_RUN, target);

    step->sql = sql != NULL ? g_strdup(sql)
                            : sql_build("ALTER TABLE ? ALTER COLUMN ? SET NOT NULL",
                                        sql_name(target->schema, target->name), sql_ident(column));
    step->why = g_strdup("the table is made by this file: nobody else uses it yet");
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
}

static gboolean
is_ordinary(const Target *target)
{
    return target->table == NULL ||
           (target->table->kind == 'r' && !target->table->has_children && !target->table->is_derived);
}

gboolean
recipe_not_null_in(PlanContext *ctx, const Target *target, const char *name, const char *sql, Phase phase,
                   GError **error)
{
    const FactColumn *column = target->table != NULL ? facts_column(target->table, name) : NULL;

    if (target->table != NULL && !context_claim(ctx, target, name, "NOT NULL", error))
        return FALSE;
    if (column != NULL && column->is_unproven) {
        context_refuse(
            error,
            "drop that constraint and SET NOT NULL in a migration of its own; or -- pgseam: allow opaque because ...",
            "column \"%s\" has a NOT NULL constraint that is NOT VALID", name);
        return FALSE;
    }
    if (target->table == NULL)
        add_as_written(ctx, target, name, sql);
    else if (column != NULL && column->is_not_null)
        plan_note(ctx->plan, "%s: column \"%s\" is NOT NULL already, nothing to do", ctx->stmt->place, name);
    else if (ctx->facts->server_version >= NOT_NULL_NOT_VALID_SINCE && is_ordinary(target))
        add_not_valid(ctx, target, name, phase);
    else
        add_by_check(ctx, target, name, sql, phase);
    return TRUE;
}

gboolean
recipe_set_not_null(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    const ColumnChange *added = context_added(ctx, target, cmd->column);

    if (!context_check_column(ctx, target, cmd->column, error))
        return FALSE;
    if (added != NULL && added->definition->is_not_null) {
        plan_note(ctx->plan, "%s: column \"%s\" is NOT NULL already, nothing to do", ctx->stmt->place, cmd->column);
        return TRUE;
    }
    return recipe_not_null_in(ctx, target, cmd->column, sql, PHASE_CONTRACT, error);
}

static gboolean
is_in_primary_key(const FactTable *table, const char *column)
{
    const FactIndex *key = facts_primary_key(table);

    return key != NULL && g_ptr_array_find_with_equal_func(key->columns, column, g_str_equal, NULL);
}

gboolean
recipe_drop_not_null(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    const FactColumn *column = target->table != NULL ? facts_column(target->table, cmd->column) : NULL;
    g_autofree char *constraint = NULL;
    Step *step;

    if (!context_check_column(ctx, target, cmd->column, error))
        return FALSE;
    if (target->table == NULL) {
        add_as_written(ctx, target, cmd->column, sql);
        return TRUE;
    }
    if (!context_claim(ctx, target, cmd->column, "NOT NULL", error))
        return FALSE;
    if (column != NULL && !column->is_not_null) {
        plan_note(ctx->plan, "%s: column \"%s\" allows NULL already, nothing to do", ctx->stmt->place, cmd->column);
        return TRUE;
    }
    if (column != NULL && is_in_primary_key(target->table, cmd->column)) {
        context_refuse(error, NULL, "column \"%s\" is in the primary key", cmd->column);
        return FALSE;
    }
    step = context_step(ctx, PHASE_EXPAND, STEP_COLUMN_DROP_NOT_NULL, target);
    step->sql = g_strdup(sql);
    step->why = g_strdup("only catalog rows change; the old application must be able to read a NULL");
    constraint = constraint_name(target, cmd->column);
    step_set(step, PARAM_COLUMN, cmd->column);
    step_set(step, PARAM_CONSTRAINT, constraint);
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    return TRUE;
}
