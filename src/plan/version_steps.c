/*
 * The steps of a version: what it cannot be is refused, what it is becomes a schema with views.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/version_move.h"
#include "plan/version_twin.h"

/* The application would insert rows without a value for it. */
static gboolean
needs_value(const FactColumn *column)
{
    return (column->is_not_null || column->forbids_null) && column->default_expr == NULL && !column->is_identity &&
           !column->is_generated;
}

static gboolean
check_dropped(const VersionTable *table, GError **error)
{
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);
        const FactColumn *fact = column->fact;

        if (!column->is_dropped || fact == NULL || column->down != NULL || !needs_value(fact))
            continue;
        context_refuse(
            error,
            "say how the old application gets it: -- pgseam: down column = expression; or give it a default, or "
            "allow NULL in it, in a migration before this one",
            "column \"%s\" is NOT NULL and has no default: until complete, what the new application inserts "
            "would have no value for it",
            fact->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_table(const PlanContext *ctx, const VersionTable *table, GError **error)
{
    const FactTable *fact = table->table;

    if (fact->has_rules) {
        context_refuse(error, "replace the rule by a trigger",
                       "table %s has a rule: what an application writes through a view would become something else",
                       fact->name);
        return FALSE;
    }
    if (fact->has_row_security && ctx->facts->server_version < INVOKER_SERVER) {
        context_refuse(
            error, "update the server to 15 or newer, or do without a version",
            "table %s has row-level security, and before PostgreSQL 15 a view reads with its owner's rights: "
            "the policies would not hold",
            fact->name);
        return FALSE;
    }
    if (fact->is_partition) {
        context_refuse(error, "make the version of the partitioned table", "table %s is a partition", fact->name);
        return FALSE;
    }
    return check_dropped(table, error);
}

/* A view of each would have the same name. */
static gboolean
check_names(PlanContext *ctx, const GPtrArray *tables, GError **error)
{
    for (guint i = 0; i < tables->len; i++) {
        const VersionTable *table = g_ptr_array_index(tables, i);

        for (guint k = 0; k < i; k++) {
            const VersionTable *other = g_ptr_array_index(tables, k);

            if (strcmp(table->name, other->name) != 0)
                continue;
            ctx->offset = table->offset;
            context_refuse(error, "make a version of each in a migration of its own",
                           "tables %s.%s and %s.%s would both be \"%s\" in the version", other->table->schema,
                           other->table->name, table->table->schema, table->table->name, table->name);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
version_check_schema(const PlanContext *ctx, GError **error)
{
    const FactVersion *version = &ctx->facts->version;

    if (version->is_taken) {
        context_refuse(error,
                       "choose another name; `pgseam version drop` takes away a version that nobody uses any more",
                       "the version cannot be called \"%s\": a schema of that name exists", ctx->script->version);
        return FALSE;
    }
    if (!version->may_create) {
        context_refuse(error, "GRANT CREATE ON DATABASE ... TO the role, or connect as one that may",
                       "role \"%s\" may not create a schema in database \"%s\"", ctx->facts->role,
                       ctx->facts->database);
        return FALSE;
    }
    return TRUE;
}

Step *
version_step(PlanContext *ctx, Phase phase, StepKind kind, const Stmt *stmt, const FactTable *table)
{
    Step *step = step_new(phase, kind, table != NULL ? table->schema : NULL, table != NULL ? table->name : NULL);

    step_set_place(step, stmt->file, stmt->line);
    g_ptr_array_add(ctx->phases[phase], step);
    g_hash_table_insert(ctx->stmts, step, (gpointer)stmt);
    return step;
}

void
version_lock(Step *step, const FactTable *table, LockMode mode, LockHold hold)
{
    Target target = {.schema = table->schema, .name = table->name, .table = table};

    context_lock(step, &target, mode, hold);
}

void
version_add_all(Step *step, const GPtrArray *statements)
{
    for (guint i = 0; i < statements->len; i++)
        step_add_sql(step, g_strdup(g_ptr_array_index(statements, i)));
}

static void
add_inner(PlanContext *ctx, const VersionTable *table, Step *step)
{
    g_auto(VersionView) view;
    g_autoptr(GPtrArray) statements = NULL;

    version_fill_inner(&view, ctx, table);
    statements = view_create_sql(&view);
    version_add_all(step, statements);
}

/* What makes the view: the statement that makes the table look different, or no one of the file's. */
static const Stmt *
stmt_of(const PlanContext *ctx, const VersionTable *table)
{
    if (table->stmt != NULL)
        return table->stmt;
    return ctx->script->stmts->len > 0 ? g_ptr_array_index(ctx->script->stmts, 0) : ctx->stmt;
}

static const char *
why_of(const VersionTable *table)
{
    if (table->is_visible)
        return "the table as the new application sees it; the old one goes on with the table itself";
    return "the table with the columns that it has now: who comes through it does not see others come";
}

static void
plan_view(PlanContext *ctx, const VersionTable *table, Phase phase)
{
    Step *step = version_step(ctx, phase, STEP_DDL_RUN, stmt_of(ctx, table), table->table);
    g_auto(VersionView) view;
    g_autoptr(GPtrArray) statements = NULL;
    g_autofree char *name = sql_quote_name(ctx->script->version, table->name);
    g_autofree char *verify = sql_build("SELECT pg_catalog.to_regclass(?) IS NOT NULL", sql_literal(name));

    g_autofree char *limits = version_limits(table);

    version_fill_view(&view, ctx, table, PHASE_BACKFILL);
    statements = view_create_sql(&view);
    if (version_is_marked(table))
        add_inner(ctx, table, step);
    version_add_all(step, statements);
    step->why = g_strdup(why_of(table));
    if (limits != NULL)
        step_set(step, PARAM_LIMITS, limits);
    step_append(step, PARAM_UNDO, sql_build("DROP VIEW ?", sql_name(ctx->script->version, table->name)));
    if (version_is_marked(table))
        step_append(step, PARAM_UNDO, sql_build("DROP VIEW ?", sql_name(table->sync->own_schema, table->table->name)));
    step_set(step, PARAM_VERIFY, verify);
    step_add_lock(step, table->table->schema, table->table->name, LOCK_ACCESS_SHARE, HOLD_INSTANT, FALSE);
    step_add_undo_lock(step, ctx->script->version, table->name, LOCK_ACCESS_EXCLUSIVE, FALSE);
}

/* Who may do anything with one of the tables may look into the schema. */
static void
add_usage(GPtrArray *statements, const PlanContext *ctx, const VersionTable *table)
{
    for (guint i = 0; table->table->grants != NULL && i < table->table->grants->len; i++) {
        const FactGrant *grant = g_ptr_array_index(table->table->grants, i);
        char *sql;

        if (!view_takes_privilege(grant->privilege))
            continue;
        sql = sql_build("GRANT USAGE ON SCHEMA ? TO ?", sql_ident(ctx->script->version), sql_raw(grant->grantee));
        if (g_ptr_array_find_with_equal_func(statements, sql, g_str_equal, NULL))
            g_free(sql);
        else
            g_ptr_array_add(statements, sql);
    }
}

static void
watch(const PlanContext *ctx, Step *step, const VersionTable *table)
{
    VersionWatched watched = version_watched(ctx, table);

    if (watched != WATCHED_NOT)
        step_append(step, PARAM_WATCHED, g_strdup(table->name));
    if (watched == WATCHED_ALL)
        step_append(step, PARAM_WATCHED_ALL, g_strdup(table->name));
}

static void
plan_schema(PlanContext *ctx, const GPtrArray *tables, Phase phase)
{
    Step *step = version_step(ctx, phase, STEP_DDL_RUN, stmt_of(ctx, g_ptr_array_index(tables, 0)), NULL);
    g_autoptr(GPtrArray) statements = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *quoted = sql_quote_ident(ctx->script->version);
    g_autofree char *comment = g_strdup_printf("version of the application: migration %s", ctx->plan->migration);
    g_autofree char *verify = sql_build("SELECT pg_catalog.to_regnamespace(?) IS NOT NULL", sql_literal(quoted));

    g_ptr_array_add(statements, sql_build("CREATE SCHEMA ?", sql_ident(ctx->script->version)));
    g_ptr_array_add(statements,
                    sql_build("COMMENT ON SCHEMA ? IS ?", sql_ident(ctx->script->version), sql_literal(comment)));
    for (guint i = 0; i < tables->len; i++) {
        add_usage(statements, ctx, g_ptr_array_index(tables, i));
        watch(ctx, step, g_ptr_array_index(tables, i));
    }
    version_add_all(step, statements);
    step->why = g_strdup("the schema of the version");
    step_append(step, PARAM_UNDO, sql_build("DROP SCHEMA ?", sql_ident(ctx->script->version)));
    step_set(step, PARAM_VERIFY, verify);
}

void
version_plan_views(PlanContext *ctx, const GPtrArray *tables, Phase phase)
{
    plan_schema(ctx, tables, phase);
    for (guint i = 0; i < tables->len; i++)
        plan_view(ctx, g_ptr_array_index(tables, i), phase);
}

static void
note_version(PlanContext *ctx, const GPtrArray *tables)
{
    g_autofree char *version = sql_quote_ident(ctx->script->version);

    plan_note(ctx->plan, "version %s: the new application sets search_path = %s, %s; the old one changes nothing",
              version, version, ctx->facts->search_path);
    if (ctx->script->guards_up || ctx->script->guards_down)
        plan_note(
            ctx->plan,
            "rows on which %s fails are put into quarantine: `pgseam version quarantine` shows them, and complete is "
            "refused while the new side of any is missing",
            !ctx->script->guards_down ? "\"up\""
            : !ctx->script->guards_up ? "\"down\""
                                      : "\"up\" or \"down\"");
    version_note_limits(ctx, tables);
}

/* Behind all that the file's statements have planned. */
static gboolean
plan_version(PlanContext *ctx, const GPtrArray *tables, const GPtrArray *moves, GError **error)
{
    if (!version_move_plan(ctx, moves, tables, error))
        return FALSE;
    version_plan_own(ctx, tables);
    for (guint i = 0; i < tables->len; i++) {
        const VersionTable *table = g_ptr_array_index(tables, i);

        if (table->sync == NULL)
            continue;
        version_plan_sync(ctx, table);
        if (!version_plan_fill(ctx, table, error))
            return FALSE;
        version_plan_twins(ctx, table);
        version_plan_verify(ctx, table, PHASE_BACKFILL);
        version_plan_verify(ctx, table, PHASE_CONTRACT);
        version_plan_end(ctx, table);
    }
    version_plan_views(ctx, tables, PHASE_BACKFILL);
    version_move_views(ctx, moves);
    version_plan_own_end(ctx, tables);
    version_plan_old(ctx, tables);
    return TRUE;
}

/* A directive that does nothing was meant otherwise. */
static gboolean
check_on_error(PlanContext *ctx, const GPtrArray *tables, GError **error)
{
    gboolean is_kept = FALSE;

    for (guint i = 0; i < tables->len; i++)
        is_kept |= ((const VersionTable *)g_ptr_array_index(tables, i))->sync != NULL;
    if (is_kept || !ctx->script->has_on_error)
        return TRUE;
    ctx->offset = 0;
    context_refuse(error, "leave the directive out",
                   "no expression in this file could fail: nothing has \"up\" or "
                   "\"down\" that \"on-error\" would be about");
    return FALSE;
}

gboolean
version_finish(PlanContext *ctx, GError **error)
{
    g_autoptr(GPtrArray) tables = ctx->script->version != NULL ? version_tables(ctx) : NULL;
    g_autoptr(GPtrArray) moves = NULL;

    if (tables == NULL)
        return TRUE;
    if (ctx->script->pins_all && !version_pin_all(ctx, tables, error))
        return FALSE;
    for (guint i = tables->len; i > 0; i--) {
        const VersionTable *table = g_ptr_array_index(tables, i - 1);

        if (!table->is_visible && !table->is_pinned)
            g_ptr_array_remove_index(tables, i - 1);
    }
    ctx->plan->version = g_strdup(ctx->script->version);
    ctx->offset = 0;
    if (tables->len == 0) {
        context_refuse(
            error, "leave the directive out: both applications can use the tables as they are",
            "nothing in this file makes a table look different to the application: version \"%s\" would have "
            "no view",
            ctx->script->version);
        return FALSE;
    }
    if (!version_check_schema(ctx, error) || !check_names(ctx, tables, error))
        return FALSE;
    for (guint i = 0; i < tables->len; i++) {
        VersionTable *table = g_ptr_array_index(tables, i);

        ctx->offset = table->offset;
        if (!check_table(ctx, table, error) || !version_find_twins(table, error) ||
            !version_check_twins(ctx, table, error) || !version_sync(ctx, table, error))
            return FALSE;
    }
    if (!check_on_error(ctx, tables, error))
        return FALSE;
    moves = version_moves(ctx, tables, error);
    if (moves == NULL || !plan_version(ctx, tables, moves, error))
        return FALSE;
    note_version(ctx, tables);
    return TRUE;
}
