/*
 * The views of versions that are there already, where a file changes their tables: whose users count as the old
 * application, and which views go with what they show.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/version_plan.h"

gboolean
version_takes_view(const PlanContext *ctx, const FactDependent *dependent)
{
    return ctx->script->version != NULL && dependent->is_ours && !dependent->is_rising && dependent->on_view == NULL;
}

/* The first view of a version that shows the column and stays in its way; NULL. */
static const FactDependent *
find_obstacle(const PlanContext *ctx, const FactTable *table, const char *column)
{
    for (guint i = 0; i < table->dependents->len; i++) {
        const FactDependent *dependent = g_ptr_array_index(table->dependents, i);

        if (strcmp(dependent->column, column) == 0 && dependent->is_ours && !version_takes_view(ctx, dependent))
            return dependent;
    }
    for (guint i = 0; i < table->descendants->len; i++) {
        const FactDependent *found = find_obstacle(ctx, g_ptr_array_index(table->descendants, i), column);

        if (found != NULL)
            return found;
    }
    return NULL;
}

char *
version_way_out(const PlanContext *ctx, const FactTable *table, const char *column)
{
    const FactDependent *obstacle = find_obstacle(ctx, table, column);
    g_autofree char *name = obstacle != NULL ? sql_quote_ident(obstacle->view_schema) : NULL;

    if (obstacle == NULL)
        return NULL;
    if (obstacle->is_rising)
        return g_strdup_printf("complete the migration that makes version %s first, or roll it back", name);
    if (obstacle->on_view != NULL)
        return g_strdup_printf("version %s shows it, and %s stands on its view: drop that first", name,
                               obstacle->on_view);
    return g_strdup_printf(
        "version %s shows it: `pgseam version drop %s` when no application uses it any more; or make a version of this "
        "file (-- pgseam: version NAME): complete then looks who uses %s.%s, and takes it away",
        name, name, name, obstacle->view_name);
}

gboolean
version_check_shown(PlanContext *ctx, const FactTable *table, const char *column, GError **error)
{
    g_autofree char *way_out = version_way_out(ctx, table, column);

    if (way_out == NULL)
        return TRUE;
    context_refuse(error, way_out,
                   "column \"%s\" is shown by a version: whoever uses that would see its type change, and a prepared "
                   "SELECT * of his would fail",
                   column);
    return FALSE;
}

static gboolean
is_rename(const PlanContext *ctx, const Step *step)
{
    const Stmt *stmt = g_hash_table_lookup(ctx->stmts, step);
    RelName name;

    return stmt != NULL && stmt->kind == STMT_OBJECT && version_renamed(&stmt->object, &name);
}

/* Of the table, or of one of its partitions or children. */
static gboolean
is_of_family(const Step *step, const FactTable *table)
{
    for (guint i = 0; i < table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(table->descendants, i);

        if (step_is_of(step, member->schema, member->name))
            return TRUE;
    }
    return step_is_of(step, table->schema, table->name);
}

VersionWatched
version_watched(const PlanContext *ctx, const VersionTable *table)
{
    const GPtrArray *steps = ctx->phases[PHASE_CONTRACT];
    VersionWatched watched = table->is_visible ? WATCHED_TABLE : WATCHED_NOT;

    if (table->sync != NULL)
        return WATCHED_ALL;
    for (guint i = 0; i < steps->len; i++) {
        const Step *step = g_ptr_array_index(steps, i);

        /* Of a rewrite nothing is left to do by then but to drop the old table. */
        if (!is_of_family(step, table->table) || step->kind == STEP_REWRITE_DROP)
            continue;
        if (!is_rename(ctx, step))
            return WATCHED_ALL;
        watched = WATCHED_TABLE;
    }
    return watched;
}

static void
plan_drop(PlanContext *ctx, const VersionTable *table, const FactTable *shown, const FactDependent *dependent)
{
    SqlArg view = sql_name(dependent->view_schema, dependent->view_name);
    Step *step = step_new(PHASE_CONTRACT, STEP_DDL_FINAL, shown->schema, shown->name);

    step_set_place(step, table->stmt->file, table->stmt->line);
    /* `pgseam version drop` may have been quicker. */
    step->sql = sql_build("DROP VIEW IF EXISTS ?", view);
    step->why = g_strdup_printf("version %s shows the column \"%s\" as it was: nobody uses the view any more; cannot "
                                "be undone",
                                dependent->view_schema, dependent->column);
    step_add_lock(step, dependent->view_schema, dependent->view_name, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, FALSE);
    g_ptr_array_insert(ctx->phases[PHASE_CONTRACT], 0, step);
    g_hash_table_insert(ctx->stmts, step, (gpointer)table->stmt);
}

/* One view may show several columns that go, and two tables. */
static void
plan_drops(PlanContext *ctx, const VersionTable *table, const FactTable *shown, GHashTable *known)
{
    for (guint i = 0; i < shown->dependents->len; i++) {
        const FactDependent *dependent = g_ptr_array_index(shown->dependents, i);
        const VersionColumn *column = version_old_column(table, dependent->column);

        if (column != NULL && (column->is_dropped || column->retyped != NULL) && version_takes_view(ctx, dependent) &&
            g_hash_table_add(known, sql_quote_name(dependent->view_schema, dependent->view_name)))
            plan_drop(ctx, table, shown, dependent);
    }
}

void
version_plan_old(PlanContext *ctx, const GPtrArray *tables)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (guint i = 0; i < tables->len; i++) {
        const VersionTable *table = g_ptr_array_index(tables, i);

        plan_drops(ctx, table, table->table, known);
        for (guint k = 0; k < table->table->descendants->len; k++)
            plan_drops(ctx, table, g_ptr_array_index(table->table->descendants, k), known);
    }
}

char *
version_taken_views(const PlanContext *ctx, const FactTable *table, const char *column)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < table->dependents->len; i++) {
        const FactDependent *dependent = g_ptr_array_index(table->dependents, i);
        g_autofree char *name = NULL;
        g_autofree char *literal = NULL;

        if (strcmp(dependent->column, column) != 0 || !version_takes_view(ctx, dependent))
            continue;
        name = sql_quote_name(dependent->view_schema, dependent->view_name);
        literal = sql_build("?", sql_literal(name));
        g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", literal);
    }
    return sql_build("CAST(ARRAY[?] AS pg_catalog.text[])", sql_raw(list->str));
}
