/*
 * The expressions that keep two versions in step, tried on rows that are there: "up" on the old columns, "down" on what
 * "up" makes of them.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/version_twin.h"

#define SAMPLE_ROWS 1000

/* The value that an input of "down" has for a row: SQL over the old columns. The caller frees. */
static char *
value_of(const SyncGroup *group, const SyncInput *input)
{
    for (guint i = 0; i < group->new_columns->len; i++) {
        const SyncColumn *made = g_ptr_array_index(group->new_columns, i);

        if (g_strcmp0(made->name, input->name) != 0)
            continue;
        return made->expression != NULL
                   ? sql_build("CAST((\n?\n) AS ?)", sql_raw(made->expression), sql_raw(made->type))
                   : sql_build("CAST(NULL AS ?)", sql_raw(made->type));
    }
    return sql_build("?", sql_ident(input->name));
}

/* The rows of the new shape, as far as `column` reads them. The caller frees. */
static char *
new_rows(const SyncGroup *group, const SyncColumn *column, const char *rows)
{
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < column->inputs->len; i++) {
        const SyncInput *input = g_ptr_array_index(column->inputs, i);
        g_autofree char *value = value_of(group, input);
        g_autofree char *item = sql_build("? AS ?", sql_raw(value), sql_quoted(input->argument));

        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "", item);
    }
    return sql_build("(SELECT ? FROM ? AS pgseam_row)", sql_raw(list->str), sql_raw(rows));
}

static void
add(GPtrArray *probes, const SyncColumn *column, const char *rows, int offset)
{
    PlanProbe *probe = plan_probe_add(probes,
                                      sql_build("SELECT pg_catalog.count(CAST((\n?\n) AS ?)) >= 0 FROM ? AS pgseam_row",
                                                sql_raw(column->expression), sql_raw(column->type), sql_raw(rows)),
                                      offset);

    probe->must_hold = g_strdup("the rows cannot be counted");
    probe->wrong = g_strdup("an expression that keeps both versions in step fails on the rows that are there");
    probe->hint =
        g_strdup("write it so that each row has a value, or correct the rows first; nothing has been changed");
}

static void
probe_up(GPtrArray *probes, const SyncGroup *group, const char *rows, int offset)
{
    for (guint i = 0; i < group->new_columns->len; i++) {
        const SyncColumn *column = g_ptr_array_index(group->new_columns, i);

        if (column->expression != NULL)
            add(probes, column, rows, offset);
    }
}

static void
probe_down(GPtrArray *probes, const SyncGroup *group, const char *rows, int offset)
{
    for (guint i = 0; i < group->old_columns->len; i++) {
        const SyncColumn *column = g_ptr_array_index(group->old_columns, i);
        g_autofree char *made = column->expression != NULL ? new_rows(group, column, rows) : NULL;

        if (made != NULL)
            add(probes, column, made, offset);
    }
}

/* The default that a column of another type keeps, or gets. */
static void
probe_default(GPtrArray *probes, const VersionColumn *column)
{
    const char *text =
        column->default_text != NULL || column->fact == NULL ? column->default_text : column->fact->default_expr;
    PlanProbe *probe;

    if (column->retyped == NULL || column->drops_default || text == NULL)
        return;
    probe = plan_probe_add(probes, sql_build("SELECT CAST((?) AS ?)", sql_raw(text), sql_raw(column->retyped->type)),
                           column->offset);
    probe->wrong = g_strdup("the column's default has no cast to its new type");
    probe->hint = g_strdup("say what it shall be: ALTER COLUMN ... SET DEFAULT, in this same file");
}

/* The triggers run with the rights of whoever writes: he must be able to run what they call. */
static void
probe_rights(GPtrArray *probes, const Facts *facts, const Expr *expr, int offset)
{
    for (guint i = 0; expr != NULL && i < expr->functions->len; i++) {
        const char *name = g_ptr_array_index(expr->functions, i);
        const char *dot = strrchr(name, '.');
        PlanProbe *probe;

        if (facts_is_builtin(facts, name))
            continue;
        probe = plan_probe_add(
            probes,
            sql_build("SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_proc AS p WHERE p.proname = ? AND NOT "
                      "(pg_catalog.has_function_privilege('public', p.oid, "
                      "'EXECUTE') AND pg_catalog.has_schema_privilege('public', p.pronamespace, 'USAGE')))",
                      sql_literal(dot != NULL ? dot + 1 : name)),
            offset);
        probe->must_hold = g_strdup_printf("%s() may not be executed by everybody who writes to the table", name);
        probe->hint = g_strdup("GRANT EXECUTE ON FUNCTION ... TO PUBLIC, and USAGE on its schema; or do without it");
    }
}

static void
probe_column(GPtrArray *probes, const Facts *facts, const VersionColumn *column)
{
    probe_default(probes, column);
    probe_rights(probes, facts, column->up, column->offset);
    probe_rights(probes, facts, column->down, column->offset);
    probe_rights(probes, facts, column->fill, column->offset);
}

/* Rows on which an expression fails are welcome in quarantine: none is tried, but the server still reads the
 * expression, and tells types that do not fit. */
static char *
sample(const VersionTable *table, gboolean may_fail)
{
    return sql_build("(SELECT * FROM ? LIMIT ?)", sql_name(table->table->schema, table->table->name),
                     sql_int(may_fail ? 0 : SAMPLE_ROWS));
}

static void
probe_table(GPtrArray *probes, PlanContext *ctx, VersionTable *table)
{
    g_autofree char *up_rows = NULL;
    g_autofree char *down_rows = NULL;

    /* What is refused has been told by the planner. */
    if (!version_sync(ctx, table, NULL) || table->sync == NULL || !version_find_twins(table, NULL))
        return;
    up_rows = sample(table, table->sync->guards_up);
    down_rows = sample(table, sync_has_quarantine(table->sync));
    for (guint i = 0; i < table->columns->len; i++)
        probe_column(probes, ctx->facts, g_ptr_array_index(table->columns, i));
    version_probe_twins(probes, table);
    version_probe_makeable(probes, table);
    for (guint i = 0; i < table->sync->groups->len; i++) {
        const SyncGroup *group = g_ptr_array_index(table->sync->groups, i);

        probe_up(probes, group, up_rows, table->offset);
        probe_down(probes, group, down_rows, table->offset);
    }
}

void
version_probes(GPtrArray *probes, const Script *script, const Facts *facts)
{
    g_autoptr(Plan) plan = plan_new();
    PlanContext ctx = {.script = script, .facts = facts, .plan = plan};
    g_autoptr(GPtrArray) tables = script->version != NULL ? version_tables(&ctx) : NULL;

    plan->migration = g_strdup(script->name);
    for (guint i = 0; tables != NULL && i < tables->len; i++) {
        VersionTable *table = g_ptr_array_index(tables, i);

        if (table->is_visible)
            probe_table(probes, &ctx, table);
    }
}
