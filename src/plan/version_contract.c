/*
 * The steps by which columns of both versions are kept in step, and by which that ends.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/version_plan.h"

#define SHOWN 5

static const VersionTable *
first_kept(const GPtrArray *tables)
{
    for (guint i = 0; i < tables->len; i++) {
        const VersionTable *table = g_ptr_array_index(tables, i);

        if (table->sync != NULL)
            return table;
    }
    return NULL;
}

void
version_plan_own(PlanContext *ctx, const GPtrArray *tables)
{
    const VersionTable *first = first_kept(tables);
    g_autofree char *quoted = NULL;
    g_autofree char *verify = NULL;
    Step *step;

    if (first == NULL)
        return;
    quoted = sql_quote_ident(first->sync->own_schema);
    verify = sql_build("SELECT pg_catalog.to_regnamespace(?) IS NOT NULL", sql_literal(quoted));
    step = version_step(ctx, PHASE_EXPAND, STEP_DDL_RUN, first->stmt, NULL);
    step->sql = sql_build("CREATE SCHEMA ?", sql_raw(quoted));
    step->why = g_strdup("the functions that compute one version's columns from the other's, for whoever writes");
    step_append(step, PARAM_MORE, sql_build("GRANT USAGE ON SCHEMA ? TO PUBLIC", sql_raw(quoted)));
    step_append(step, PARAM_UNDO, sql_build("DROP SCHEMA ?", sql_raw(quoted)));
    step_set(step, PARAM_VERIFY, verify);
}

static void
undo_all(Step *step, const GPtrArray *statements)
{
    for (guint i = 0; i < statements->len; i++)
        step_append(step, PARAM_UNDO, g_strdup(g_ptr_array_index(statements, i)));
}

/* Columns, functions and triggers come in one transaction: nobody writes a row in between. */
void
version_plan_sync(PlanContext *ctx, const VersionTable *table)
{
    const SyncTable *sync = table->sync;
    SqlArg name = sql_name(sync->schema, sync->table);
    Step *step = version_step(ctx, PHASE_EXPAND, STEP_DDL_RUN, table->stmt, table->table);
    g_autoptr(GPtrArray) functions = sync_functions_sql(sync);
    g_autoptr(GPtrArray) triggers = sync_triggers_sql(sync);
    g_autoptr(GPtrArray) drop_triggers = sync_drop_triggers_sql(sync);
    g_autoptr(GPtrArray) drop_functions = sync_drop_functions_sql(sync);
    g_autofree char *verify = sync_verify_triggers_sql(sync);

    step->why = g_strdup("from now on what one version writes the other reads, in the writer's own transaction");
    if (version_is_marked(table))
        step->sql = sql_build("ALTER TABLE ? ADD COLUMN ? " SYNC_MARKER_TYPE, name, sql_ident(sync->marker));
    version_add_all(step, functions);
    version_add_all(step, triggers);
    undo_all(step, drop_triggers);
    undo_all(step, drop_functions);
    if (version_is_marked(table))
        step_append(step, PARAM_UNDO, sql_build("ALTER TABLE ? DROP COLUMN ?", name, sql_ident(sync->marker)));
    step_set(step, PARAM_VERIFY, verify);
    step_add_lock(step, sync->schema, sync->table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
}

/* All new columns of a group at once: a row with some of them would look as if the new application had written it. */
static char *
fill_text(const VersionTable *table, const SyncGroup *group)
{
    g_autoptr(GString) set = g_string_new(NULL);
    g_autoptr(GString) where = g_string_new(NULL);

    for (guint i = 0; i < group->new_columns->len; i++) {
        const SyncColumn *column = g_ptr_array_index(group->new_columns, i);
        g_autofree char *assignment = sql_build("? = ?", sql_ident(column->name), sql_raw(column->expression));
        g_autofree char *is_empty = sql_build("? IS NULL", sql_ident(column->name));

        g_string_append_printf(set, "%s%s", i > 0 ? ", " : "", assignment);
        g_string_append_printf(where, "%s%s", i > 0 ? " AND " : "", is_empty);
    }
    return sql_build("UPDATE ? SET ? WHERE ?", sql_name(table->table->schema, table->table->name), sql_raw(set->str),
                     sql_raw(where->str));
}

static gboolean
fill_groups(PlanContext *ctx, const VersionTable *table, GError **error)
{
    for (guint i = 0; i < table->sync->groups->len; i++) {
        const SyncGroup *group = g_ptr_array_index(table->sync->groups, i);
        guint begin = ctx->phases[PHASE_BACKFILL]->len;

        if (group->new_columns->len > 0 && !recipe_generated_update(ctx, fill_text(table, group), error))
            return FALSE;
        for (guint k = begin; k < ctx->phases[PHASE_BACKFILL]->len; k++)
            g_hash_table_add(ctx->kept, g_ptr_array_index(ctx->phases[PHASE_BACKFILL], k));
    }
    return TRUE;
}

/* What the file drops is still there when this runs. */
gboolean
version_plan_fill(PlanContext *ctx, const VersionTable *table, GError **error)
{
    GPtrArray *dropped = g_steal_pointer(&ctx->dropped);
    gboolean ok;

    ctx->stmt = table->stmt;
    ctx->offset = table->offset;
    ctx->dropped = g_ptr_array_new();
    ok = fill_groups(ctx, table, error);
    g_ptr_array_unref(ctx->dropped);
    ctx->dropped = dropped;
    return ok;
}

/* Rows are told apart by the primary key, or shown without one. */
void
version_plan_verify(PlanContext *ctx, const VersionTable *table, Phase phase)
{
    const FactIndex *key = facts_primary_key(table->table);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autofree char *rows =
        sync_mismatch_show_sql(table->sync, key != NULL && key->columns != NULL ? key->columns : none, NULL, SHOWN);
    g_autofree char *show =
        sql_build("SELECT s.key || ' ' || s.columns || ': ' || s.old_side || ' against ' || s.new_side "
                  "FROM (?) AS s",
                  sql_raw(rows));
    Step *step = version_step(ctx, phase, STEP_VERSION_VERIFY, table->stmt, table->table);

    step->sql = sync_mismatch_sql(table->sync, NULL);
    step->why = g_strdup("each row says the same to both versions, by \"up\" or by \"down\"");
    step->rows = table->table->rows;
    step_set(step, PARAM_SHOW, show);
    step_add_lock(step, table->table->schema, table->table->name, LOCK_ACCESS_SHARE, HOLD_SCAN, FALSE);
}

/* The file's own DROP COLUMN of the table: they belong into the transaction in which the triggers go. */
static void
take_drops(PlanContext *ctx, const VersionTable *table, Step *into)
{
    GPtrArray *steps = ctx->phases[PHASE_CONTRACT];

    for (guint i = 0; i < steps->len;) {
        Step *step = g_ptr_array_index(steps, i);

        if (step->kind != STEP_COLUMN_DROP || !step_is_of(step, table->table->schema, table->table->name)) {
            i++;
            continue;
        }
        step_append(into, PARAM_MORE, g_strdup(step->sql));
        for (guint k = 0; k < step->locks->len; k++)
            step_merge_lock(into, g_ptr_array_index(step->locks, k));
        g_hash_table_remove(ctx->stmts, step);
        g_ptr_array_remove_index(steps, i);
    }
}

/* The hidden column takes the place of the one whose type changes, with what is said of that one. */
static void
take_place(Step *step, const VersionTable *table, const VersionColumn *column)
{
    const FactColumn *fact = column->fact;
    SqlArg name = sql_name(table->table->schema, table->table->name);
    const char *text = column->default_text != NULL ? column->default_text : fact->default_expr;

    step_append(step, PARAM_MORE, sql_build("ALTER TABLE ? DROP COLUMN ?", name, sql_ident(fact->name)));
    step_append(
        step, PARAM_MORE,
        sql_build("ALTER TABLE ? RENAME COLUMN ? TO ?", name, sql_ident(column->hidden), sql_ident(fact->name)));
    if (text != NULL && !column->drops_default)
        step_append(step, PARAM_MORE,
                    sql_build("ALTER TABLE ? ALTER COLUMN ? SET DEFAULT CAST((?) AS ?)", name, sql_ident(fact->name),
                              sql_raw(text), sql_raw(column->retyped->type)));
    if (fact->comment != NULL)
        step_append(step, PARAM_MORE,
                    sql_build("COMMENT ON COLUMN ?.? IS ?", name, sql_ident(fact->name), sql_literal(fact->comment)));
    if (fact->statistics >= 0)
        step_append(step, PARAM_MORE,
                    sql_build("ALTER TABLE ? ALTER COLUMN ? SET STATISTICS ?", name, sql_ident(fact->name),
                              sql_int(fact->statistics)));
    for (guint i = 0; table->table->grants != NULL && i < table->table->grants->len; i++) {
        const FactGrant *grant = g_ptr_array_index(table->table->grants, i);

        if (g_strcmp0(grant->column, fact->name) == 0)
            step_append(step, PARAM_MORE,
                        sql_build("GRANT ? (?) ON ? TO ??", sql_raw(grant->privilege), sql_ident(fact->name), name,
                                  sql_raw(grant->grantee), sql_raw(grant->is_grantable ? " WITH GRANT OPTION" : "")));
    }
}

/* The names of the table's columns by then: what the file renames has its new name. */
static char *
replace_view(const PlanContext *ctx, const VersionTable *table)
{
    g_auto(VersionView) view;

    version_fill_view(&view, ctx, table);
    view.base_schema = table->table->schema;
    for (guint i = 0, k = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);
        ViewColumn *shown;

        if (column->is_dropped)
            continue;
        shown = g_ptr_array_index(view.columns, k++);
        if (column->hidden == NULL)
            shown->base = column->name;
    }
    return view_replace_sql(&view);
}

void
version_plan_end(PlanContext *ctx, const VersionTable *table)
{
    const SyncTable *sync = table->sync;
    SqlArg name = sql_name(sync->schema, sync->table);
    Step *step = version_step(ctx, PHASE_CONTRACT, STEP_DDL_FINAL, table->stmt, table->table);
    g_autoptr(GPtrArray) drop_triggers = sync_drop_triggers_sql(sync);
    g_autoptr(GPtrArray) drop_functions = sync_drop_functions_sql(sync);

    step->why = g_strdup("the old application is gone: only the new side stays; cannot be undone");
    step_add_view_lock(step, ctx->script->version, table->name, LOCK_ACCESS_EXCLUSIVE);
    step_add_lock(step, sync->schema, sync->table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
    version_add_all(step, drop_triggers);
    if (version_is_marked(table)) {
        step_append(step, PARAM_MORE, replace_view(ctx, table));
        step_append(step, PARAM_MORE, sql_build("DROP VIEW ?", sql_name(sync->own_schema, sync->table)));
        step_append(step, PARAM_MORE, sql_build("ALTER TABLE ? DROP COLUMN ?", name, sql_ident(sync->marker)));
    }
    version_add_all(step, drop_functions);
    take_drops(ctx, table, step);
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (column->retyped != NULL)
            take_place(step, table, column);
    }
}

void
version_plan_own_end(PlanContext *ctx, const GPtrArray *tables)
{
    const VersionTable *first = first_kept(tables);
    Step *step;

    if (first == NULL)
        return;
    step = version_step(ctx, PHASE_CONTRACT, STEP_DDL_FINAL, first->stmt, NULL);
    step->sql = sql_build("DROP SCHEMA ?", sql_ident(first->sync->own_schema));
    step->why = g_strdup("nothing is left in it");
}
