/*
 * Columns: DROP, defaults.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"
#include "plan/recipe_column.h"
#include "plan/version.h"

void
context_note_prepared(PlanContext *ctx, const Target *target)
{
    g_autofree char *shown = sql_quote_name(target->schema, target->name);
    g_autofree char *note =
        g_strdup_printf("a prepared SELECT * or RETURNING * on %s fails once with \"cached plan must not change result "
                        "type\" (0A000) when a column comes or goes; statements with explicit column lists do not",
                        shown);

    if (!g_ptr_array_find_with_equal_func(ctx->plan->notes, note, g_str_equal, NULL))
        plan_note(ctx->plan, "%s", note);
}

/* TRUE if an earlier statement of the file takes it away: a view that it drops or makes anew, a constraint. All of that
 * runs before the column goes. */
static gboolean
is_gone(const PlanContext *ctx, const char *what)
{
    const GPtrArray *steps = ctx->phases[PHASE_CONTRACT];

    for (guint i = 0; i < steps->len; i++) {
        const Step *step = g_ptr_array_index(steps, i);
        g_autofree char *table = NULL;
        g_autofree char *described = NULL;

        if (step->kind != STEP_DDL_FINAL || step_get(step, PARAM_CONSTRAINT) == NULL || step->table == NULL)
            continue;
        table = sql_quote_name(step->schema, step->table);
        described = g_strdup_printf("constraint %s on table %s", step_get(step, PARAM_CONSTRAINT), table);
        if (strcmp(described, what) == 0)
            return TRUE;
    }
    return objects_is_gone(ctx, what);
}

/* Everything of other objects that a plain DROP COLUMN would stop at. */
static void
append_obstacles(GString *out, const PlanContext *ctx, const FactTable *table, const char *column)
{
    for (guint i = 0; i < table->dependents->len; i++) {
        const FactDependent *dependent = g_ptr_array_index(table->dependents, i);

        if (strcmp(dependent->column, column) == 0 && !is_gone(ctx, dependent->what) &&
            !version_takes_view(ctx, dependent))
            g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", dependent->what);
    }
}

static char *
obstacles_of(const PlanContext *ctx, const FactTable *table, const char *column)
{
    GString *out = g_string_new(NULL);

    append_obstacles(out, ctx, table, column);
    for (guint i = 0; i < table->descendants->len; i++)
        append_obstacles(out, ctx, g_ptr_array_index(table->descendants, i), column);
    return g_string_free(out, FALSE);
}

static void
append_gone(GString *gone, Step *step, const FactTable *table, const char *column)
{
    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);

        if (!g_ptr_array_find_with_equal_func(constraint->columns, column, g_str_equal, NULL))
            continue;
        g_string_append_printf(gone, "%sconstraint %s", gone->len > 0 ? ", " : "", constraint->name);
        if (constraint->kind == 'f' && constraint->other_table != NULL &&
            (strcmp(constraint->other_table, table->name) != 0 || strcmp(constraint->other_schema, table->schema) != 0))
            step_add_lock(step, constraint->other_schema, constraint->other_table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT,
                          constraint->other_is_owned);
    }
    for (guint i = 0; i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);

        if (index->constraint == NULL && index->columns != NULL &&
            g_ptr_array_find_with_equal_func(index->columns, column, g_str_equal, NULL))
            g_string_append_printf(gone, "%sindex %s", gone->len > 0 ? ", " : "", index->name);
    }
}

/* Indexes and constraints go with the column; foreign keys among them lock the other table, too. */
static void
add_drop_locks(PlanContext *ctx, Step *step, const Target *target, const char *column)
{
    g_autoptr(GString) gone = g_string_new(NULL);
    g_autoptr(GString) below = g_string_new(NULL);

    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    append_gone(gone, step, target->table, column);
    for (guint i = 0; i < target->table->descendants->len; i++)
        append_gone(below, step, g_ptr_array_index(target->table->descendants, i), column);
    if (gone->len > 0)
        plan_note(ctx->plan, "%s: with column \"%s\" go %s", ctx->stmt->place, column, gone->str);
}

/* Later statements find the indexes of the column dropped. */
static void
note_gone_indexes(PlanContext *ctx, const FactTable *table, const char *column)
{
    for (guint i = 0; i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);

        if (index->columns != NULL && g_ptr_array_find_with_equal_func(index->columns, column, g_str_equal, NULL))
            g_hash_table_add(ctx->dropped_indexes, sql_quote_name(table->schema, index->name));
    }
}

gboolean
recipe_column_drop(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    g_autofree char *obstacles = NULL;
    ColumnChange *change;
    Step *step;

    if (cmd->if_exists && !context_has_column(ctx, target, cmd->column)) {
        plan_note(ctx->plan, "%s: there is no column \"%s\", nothing to do", ctx->stmt->place, cmd->column);
        return TRUE;
    }
    if (!context_check_column(ctx, target, cmd->column, error))
        return FALSE;
    if (target->table == NULL || facts_column(target->table, cmd->column) == NULL) {
        context_refuse(error, "leave it out", "column \"%s\" is added in this same file and dropped again",
                       cmd->column);
        return FALSE;
    }
    obstacles = obstacles_of(ctx, target->table, cmd->column);
    if (obstacles[0] != '\0') {
        g_autofree char *way_out = version_way_out(ctx, target->table, cmd->column);

        context_refuse(error, way_out != NULL ? way_out : "drop or change these first: before it, in this same file",
                       "column \"%s\" is used by %s", cmd->column, obstacles);
        return FALSE;
    }
    if (cmd->is_cascade)
        plan_note(ctx->plan, "%s: nothing else depends on column \"%s\": CASCADE takes nothing with it",
                  ctx->stmt->place, cmd->column);
    step = context_step(ctx, PHASE_CONTRACT, STEP_COLUMN_DROP, target);
    step->sql = g_strdup(sql);
    step->why = g_strdup("the old application still uses it: waits behind the gate; cannot be undone");
    step_set(step, PARAM_COLUMN, cmd->column);
    add_drop_locks(ctx, step, target, cmd->column);
    note_gone_indexes(ctx, target->table, cmd->column);
    change = g_new0(ColumnChange, 1);
    *change = (ColumnChange){target, cmd->column, NULL};
    g_ptr_array_add(ctx->dropped, change);
    context_note_prepared(ctx, target);
    return TRUE;
}

/* A change of rows in front of it that speaks of DEFAULT means the old one. */
static Phase
phase_of_default(const PlanContext *ctx, const Target *target)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt == ctx->stmt)
            break;
        if ((stmt->kind == STMT_UPDATE || stmt->kind == STMT_INSERT) &&
            strcmp(stmt->dml.relation.name, target->name) == 0 &&
            (stmt->kind == STMT_INSERT || sql_mentions(stmt->text, "DEFAULT")))
            return context_phase_after(ctx, target, FALSE);
    }
    return PHASE_EXPAND;
}

gboolean
recipe_default(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    gboolean is_set = cmd->kind == ALTER_SET_DEFAULT;
    const FactColumn *column = target->table != NULL ? facts_column(target->table, cmd->column) : NULL;
    const ColumnChange *added = context_added(ctx, target, cmd->column);
    const char *old = column != NULL  ? column->default_expr
                      : added != NULL ? added->definition->default_value.text
                                      : NULL;
    Step *step;

    if (!context_check_column(ctx, target, cmd->column, error))
        return FALSE;
    if (column != NULL && (column->is_generated || column->is_identity)) {
        context_refuse(error, NULL, "column \"%s\" is %s: it has no default to change", cmd->column,
                       column->is_generated ? "generated" : "an identity column");
        return FALSE;
    }
    if (column != NULL && ctx->stmt->kind == STMT_ALTER_TABLE &&
        version_retypes(ctx->script, &ctx->stmt->alter_table.relation, cmd->column))
        return TRUE;
    if (column_rewrites_default(ctx, target, cmd))
        return column_rewrite_default(ctx, target, cmd, error);
    if (!context_claim(ctx, target, cmd->column, "default", error))
        return FALSE;
    if (is_set && context_planned(ctx, target, STEP_DDL_FINAL, PARAM_COLUMN, cmd->column) != NULL) {
        context_refuse(error, "put the default into a migration of its own, after this one",
                       "the type of column \"%s\" changes in the contract phase: the default would be set before it",
                       cmd->column);
        return FALSE;
    }
    step = context_step(ctx, is_set && ctx->script->version == NULL ? phase_of_default(ctx, target) : PHASE_CONTRACT,
                        is_set ? STEP_COLUMN_SET_DEFAULT : STEP_COLUMN_DROP_DEFAULT, target);
    step->sql = g_strdup(sql);
    step->why = g_strdup(ctx->script->version != NULL ? "until then only the new version's view has it so"
                         : is_set                     ? "only rows inserted from now on get it, by both applications"
                                  : "the old application may still rely on it: waits behind the gate");
    step_set(step, PARAM_COLUMN, cmd->column);
    if (old != NULL)
        step_set(step, PARAM_OLD_DEFAULT, old);
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    return TRUE;
}
