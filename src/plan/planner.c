#include "plan/planner.h"

#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "base/sqltext.h"
#include "plan/objects.h"
#include "plan/recipe_rewrite.h"
#include "plan/version.h"

typedef gboolean (*Recipe)(PlanContext *, GError **);

static const Recipe recipes[] = {
    [STMT_ALTER_TABLE] = recipe_alter_table,
    [STMT_CREATE_TABLE] = recipe_create_table,
    [STMT_CREATE_INDEX] = recipe_create_index,
    [STMT_DROP_INDEX] = recipe_drop_index,
    [STMT_REINDEX] = recipe_reindex,
    [STMT_REFRESH] = recipe_refresh,
    [STMT_UPDATE] = recipe_dml,
    [STMT_DELETE] = recipe_dml,
    [STMT_INSERT] = recipe_insert,
    [STMT_TRANSACTION] = recipe_transaction,
    [STMT_OBJECT] = recipe_object,
    [STMT_UTILITY] = recipe_utility,
    [STMT_OTHER] = recipe_none,
    [STMT_UNKNOWN] = recipe_none,
};

static void
context_init(PlanContext *ctx, const Script *script, const Facts *facts, Plan *plan)
{
    memset(ctx, 0, sizeof(*ctx));
    ctx->script = script;
    ctx->facts = facts;
    ctx->plan = plan;
    for (int i = 0; i < N_PHASES; i++)
        ctx->phases[i] = g_ptr_array_new_with_free_func((GDestroyNotify)step_free);
    ctx->targets = g_ptr_array_new_with_free_func(g_free);
    ctx->added = g_ptr_array_new_with_free_func(g_free);
    ctx->dropped = g_ptr_array_new_with_free_func(g_free);
    ctx->index_names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ctx->dropped_indexes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ctx->constraint_names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ctx->rewrites = g_ptr_array_new_with_free_func(table_rewrite_free);
    ctx->generated = g_ptr_array_new_with_free_func((GDestroyNotify)stmt_free);
    ctx->stmts = g_hash_table_new(NULL, NULL);
    ctx->kept = g_hash_table_new(NULL, NULL);
    objects_init(ctx);
    ctx->aspects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void
context_clear(PlanContext *ctx)
{
    for (int i = 0; i < N_PHASES; i++)
        g_ptr_array_unref(ctx->phases[i]);
    g_ptr_array_unref(ctx->targets);
    g_ptr_array_unref(ctx->added);
    g_ptr_array_unref(ctx->dropped);
    g_hash_table_unref(ctx->index_names);
    g_hash_table_unref(ctx->dropped_indexes);
    g_hash_table_unref(ctx->aspects);
    g_hash_table_unref(ctx->stmts);
    g_hash_table_unref(ctx->kept);
    g_hash_table_unref(ctx->constraint_names);
    g_ptr_array_unref(ctx->generated);
    g_ptr_array_unref(ctx->rewrites);
    objects_clear(ctx);
}

/* What would end the guarded transaction, cannot be in one, or would be gone with the session, cannot run by consent
 * either: it would be skipped in silence. */
static gboolean
may_be_opaque(const Stmt *stmt)
{
    if (stmt->kind == STMT_UTILITY)
        return stmt->utility.kind == UTILITY_CODE || stmt->utility.kind == UTILITY_LABEL;
    return stmt->kind != STMT_TRANSACTION;
}

static gboolean
check_down(const PlanContext *ctx, const Stmt *stmt, GError **error)
{
    static const char hint[] = "write the data change as an UPDATE of its own";
    gboolean has_version = ctx->script->version != NULL;

    if (stmt->one_way != NULL && stmt_alter(stmt, ALTER_COLUMN_TYPE, NULL) == NULL) {
        context_refuse(error, hint,
                       "the directive \"allow one-way\" stands above an ALTER COLUMN TYPE; this is another %s",
                       stmt->what);
        return FALSE;
    }
    for (guint i = 0; i < stmt->downs->len; i++) {
        const DmlStmt *down = &((const Stmt *)g_ptr_array_index(stmt->downs, i))->dml;
        const char *column = ((const Assignment *)g_ptr_array_index(down->assignments, 0))->column;

        if (stmt_alter(stmt, ALTER_COLUMN_TYPE, column) != NULL ||
            (has_version && stmt_alter(stmt, ALTER_DROP_COLUMN, column) != NULL))
            continue;
        context_refuse(error, hint,
                       "the directive \"down\" stands above the ALTER COLUMN TYPE that it is about%s; this %s does not "
                       "change the type of column \"%s\"%s",
                       has_version ? ", or above the DROP COLUMN" : "", stmt->what, column,
                       has_version ? ", nor drop it" : "");
        return FALSE;
    }
    return TRUE;
}

/* With a version also a change of type and SET NOT NULL may say how a column is computed. */
static gboolean
takes_up(const Stmt *stmt, const AlterCmd *cmd)
{
    return (cmd->kind == ALTER_COLUMN_TYPE || cmd->kind == ALTER_SET_NOT_NULL) && stmt_up(stmt, cmd->column) != NULL;
}

/* The directive "up" says what fills a column that is added, "down" how a change of type is taken back; elsewhere they
 * would be read by nobody. */
static gboolean
check_directives(const PlanContext *ctx, const Stmt *stmt, GError **error)
{
    const GPtrArray *cmds = stmt->kind == STMT_ALTER_TABLE ? stmt->alter_table.cmds : NULL;

    if (!check_down(ctx, stmt, error))
        return FALSE;
    if (ctx->script->version != NULL && cmds != NULL && cmds->len == 1 && takes_up(stmt, g_ptr_array_index(cmds, 0)))
        return TRUE;
    if (stmt->up == NULL ||
        (cmds != NULL && cmds->len == 1 && ((const AlterCmd *)g_ptr_array_index(cmds, 0))->kind == ALTER_ADD_COLUMN))
        return TRUE;
    context_refuse(error, "write the data change as an UPDATE of its own",
                   "the directive \"up\" stands above an ALTER TABLE with one ADD COLUMN; this is %s", stmt->what);
    return FALSE;
}

/* One statement: its recipe; where that says no and there is consent, as it stands. */
static gboolean
plan_stmt(PlanContext *ctx, const Stmt *stmt, GError **error)
{
    guint lengths[N_PHASES];
    g_autoptr(GError) why = NULL;

    ctx->stmt = stmt;
    ctx->offset = stmt->offset;
    ctx->is_consented = FALSE;
    for (int i = 0; i < N_PHASES; i++)
        lengths[i] = ctx->phases[i]->len;
    if (!check_directives(ctx, stmt, error))
        return FALSE;
    if (recipes[stmt->kind](ctx, &why)) {
        if (stmt->consent != NULL && !ctx->is_consented)
            plan_note(ctx->plan, "%s: \"allow opaque\" is not needed: there is a recipe", stmt->place);
        return TRUE;
    }
    if (stmt->consent == NULL || !may_be_opaque(stmt)) {
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    for (int i = 0; i < N_PHASES; i++)
        g_ptr_array_set_size(ctx->phases[i], (gint)lengths[i]);
    rewrite_forget(ctx, stmt);
    return recipe_opaque(ctx, error);
}

/* One refusal as text: place, excerpt, message, way out. */
static char *
refusal_text(const PlanContext *ctx, const GError *why)
{
    g_autofree char *excerpt = script_excerpt(ctx->script, ctx->offset);
    const char *hint = seam_error_get_hint(why);

    return g_strdup_printf("%s\n%s%s%s", excerpt, why->message, hint != NULL ? "\nhint: " : "",
                           hint != NULL ? hint : "");
}

static void
set_refusals(const PlanContext *ctx, const GPtrArray *refusals, GError **error)
{
    g_autoptr(GString) all = g_string_new(NULL);

    for (guint i = 0; i < refusals->len; i++)
        g_string_append_printf(all, "%s%s", i > 0 ? "\n\n" : "", (const char *)g_ptr_array_index(refusals, i));
    seam_error_set(error, SEAM_ERROR_REFUSED, "%s: %u of %u statements cannot be run; nothing has been changed",
                   ctx->script->path, refusals->len, ctx->script->stmts->len);
    seam_error_detail(error, "%s", all->str);
}

static void
take_steps_of(PlanContext *ctx, int phase, gboolean is_final)
{
    guint i = 0;

    while (i < ctx->phases[phase]->len) {
        const Step *candidate = g_ptr_array_index(ctx->phases[phase], i);
        Step *step;

        if (step_trait(candidate->kind)->is_final != is_final) {
            i++;
            continue;
        }
        step = g_ptr_array_steal_index(ctx->phases[phase], i);
        step->id = (int)ctx->plan->steps->len + 1;
        g_ptr_array_add(ctx->plan->steps, step);
    }
}

/* File order within a phase; in contract what cannot be undone comes last, so that rollback stays possible as long as
 * it can. (Nothing may depend on something dropped earlier in the file: the recipes refuse that.) */
static void
take_steps(PlanContext *ctx)
{
    for (int phase = 0; phase < N_PHASES; phase++) {
        take_steps_of(ctx, phase, FALSE);
        take_steps_of(ctx, phase, TRUE);
    }
}

/* Kinds whose work is an instant in a guarded transaction, and which nothing in between has to see committed. */
static const gboolean joinable[STEP_N_KINDS] = {
    [STEP_COLUMN_ADD] = TRUE,          [STEP_COLUMN_DROP] = TRUE,         [STEP_COLUMN_SET_DEFAULT] = TRUE,
    [STEP_COLUMN_DROP_DEFAULT] = TRUE, [STEP_COLUMN_SET_NOT_NULL] = TRUE, [STEP_COLUMN_DROP_NOT_NULL] = TRUE,
    [STEP_CHECK_ADD_NOT_VALID] = TRUE, [STEP_CONSTRAINT_ADD] = TRUE,      [STEP_DDL_RUN] = TRUE,
    [STEP_DDL_FINAL] = TRUE,
};

/* How many may share a transaction: what they do under the lock together must fit the budget. */
#define MAX_JOINED 10

static gboolean
same_locks(const Step *a, const Step *b)
{
    if (a->locks->len != b->locks->len)
        return FALSE;
    for (guint i = 0; i < a->locks->len; i++) {
        const StepLock *one = g_ptr_array_index(a->locks, i);
        const StepLock *other = g_ptr_array_index(b->locks, i);

        if (one->mode != other->mode || one->hold != HOLD_INSTANT || other->hold != HOLD_INSTANT ||
            one->for_undo != other->for_undo || strcmp(one->table, other->table) != 0 ||
            strcmp(one->schema, other->schema) != 0)
            return FALSE;
    }
    return TRUE;
}

/* What goes through the table before it takes its lock does so alone. */
static gboolean
may_join(const Step *step, const Step *before)
{
    return step->phase == before->phase && joinable[step->kind] && joinable[before->kind] &&
           step_trait(step->kind)->is_final == step_trait(before->kind)->is_final && !step_is(step, PARAM_LONG) &&
           !step_is(before, PARAM_LONG) && step_get(step, PARAM_QUARANTINE) == NULL &&
           step_get(before, PARAM_QUARANTINE) == NULL && step->schema != NULL && same_locks(step, before);
}

/* Neighbours on one table share one short lock. */
static void
join_steps(Plan *plan)
{
    guint joined = 0;

    for (guint i = 1; i < plan->steps->len; i++) {
        Step *step = g_ptr_array_index(plan->steps, i);

        joined = may_join(step, g_ptr_array_index(plan->steps, i - 1)) && joined + 1 < MAX_JOINED ? joined + 1 : 0;
        if (joined > 0)
            step_set(step, PARAM_JOINED, "true");
    }
}

static void
fill_head(Plan *plan, const Script *script, const Facts *facts)
{
    plan->migration = g_strdup(script->name);
    plan->path = g_strdup(script->path);
    plan->source = g_strdup(script->source);
    plan->source_sha256 = plan_source_hash(script->source);
    plan->tool_version = g_strdup(PGSEAM_VERSION);
    plan->server_version = facts->server_version;
    plan->search_path = g_strdup(facts->search_path);
    plan->time_zone = g_strdup(facts->time_zone);
    plan->date_style = g_strdup(facts->date_style);
    plan->pins_all = script->version != NULL && script->pins_all;
    plan->small = facts_small(facts);
    g_ptr_array_unref(plan->facts);
    plan->facts = facts_fingerprint(facts);
}

static void
plan_all(PlanContext *ctx, GPtrArray *refusals)
{
    g_autoptr(GError) why = NULL;

    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        g_clear_error(&why);
        if (!plan_stmt(ctx, g_ptr_array_index(ctx->script->stmts, i), &why))
            g_ptr_array_add(refusals, refusal_text(ctx, why));
    }
    g_clear_error(&why);
    if (refusals->len == 0 && (!recipe_order(ctx, &why) || !rewrite_finish(ctx, &why) || !version_finish(ctx, &why) ||
                               !recipe_sweeps(ctx, &why)))
        g_ptr_array_add(refusals, refusal_text(ctx, why));
}

void
planner_begin(PlanContext *ctx, const Script *script, const Facts *facts, Plan *plan)
{
    fill_head(plan, script, facts);
    context_init(ctx, script, facts, plan);
}

void
planner_end(PlanContext *ctx, gboolean is_planned)
{
    if (is_planned) {
        take_steps(ctx);
        join_steps(ctx->plan);
    }
    context_clear(ctx);
}

Plan *
planner_build(const Script *script, const Facts *facts, GError **error)
{
    g_autoptr(Plan) plan = plan_new();
    g_autoptr(GPtrArray) refusals = g_ptr_array_new_with_free_func(g_free);
    PlanContext ctx;

    planner_begin(&ctx, script, facts, plan);
    plan_all(&ctx, refusals);
    if (refusals->len > 0)
        set_refusals(&ctx, refusals, error);
    planner_end(&ctx, refusals->len == 0);
    return refusals->len == 0 ? g_steal_pointer(&plan) : NULL;
}
