/*
 * What a rewrite tells: its forecast, what the application sees; and the queries that look for rows which the new shape
 * would not take.
 */
#include <string.h>

#include "base/sqltext.h"
#include "base/units.h"
#include "plan/recipe_rewrite.h"

/* The text of a column's new value, to be grouped by. */
static char *
new_value(const TableRewrite *rewrite, const char *column)
{
    const RewritePart *part = rewrite_part_of(rewrite, column);
    g_autofree char *quoted = sql_quote_ident(column);

    if (part == NULL || part->old_type == NULL)
        return g_steal_pointer(&quoted);
    return sql_build("CAST((?\n) AS ?)", sql_raw(part->up != NULL ? part->up->text : quoted), sql_raw(part->new_type));
}

/* Two rows that are apart now may not be in the new type. */
static gboolean
may_merge(const TableRewrite *rewrite, const FactIndex *index)
{
    if (!index->is_unique || index->columns == NULL || index->is_partial || !index->is_valid)
        return FALSE;
    for (guint i = 0; i < index->columns->len; i++) {
        const RewritePart *part = rewrite_part_of(rewrite, g_ptr_array_index(index->columns, i));

        if (part != NULL && part->old_type != NULL && !part->is_injective)
            return TRUE;
    }
    return FALSE;
}

static void
append_index(GString *count, GString *show, const TableRewrite *rewrite, const FactIndex *index)
{
    g_autoptr(GString) values = g_string_new(NULL);
    g_autoptr(GString) filled = g_string_new("true");
    g_autofree char *one = NULL;
    g_autofree char *shown = NULL;
    SqlArg table = sql_name(rewrite->target->schema, rewrite->target->name);

    for (guint i = 0; i < index->columns->len; i++) {
        g_autofree char *value = new_value(rewrite, g_ptr_array_index(index->columns, i));

        g_string_append_printf(values, "%s%s", i > 0 ? ", " : "", value);
        g_string_append_printf(filled, " AND %s IS NOT NULL", value);
    }
    one =
        sql_build("(SELECT pg_catalog.count(*) FROM (SELECT FROM ? WHERE ? GROUP BY ? HAVING pg_catalog.count(*) > 1) "
                  "AS d)",
                  table, sql_raw(filled->str), sql_raw(values->str));
    shown =
        sql_build("(SELECT ? || ': ' || CAST(ROW(?) AS pg_catalog.text) || ': ' || pg_catalog.count(*) || ' rows' "
                  "FROM ? WHERE ? GROUP BY ? HAVING pg_catalog.count(*) > 1 LIMIT 5)",
                  sql_literal(index->name), sql_raw(values->str), table, sql_raw(filled->str), sql_raw(values->str));
    g_string_append_printf(count, "%s%s", count->len > 0 ? " + " : "SELECT ", one);
    g_string_append_printf(show, "%s%s", show->len > 0 ? " UNION ALL " : "", shown);
}

void
rewrite_find_duplicates(Step *prepare, const TableRewrite *rewrite)
{
    g_autoptr(GString) count = g_string_new(NULL);
    g_autoptr(GString) show = g_string_new(NULL);
    const FactTable *table = rewrite->target->table;

    for (guint i = 0; i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);

        if (may_merge(rewrite, index))
            append_index(count, show, rewrite, index);
    }
    if (count->len == 0)
        return;
    step_append(prepare, PARAM_COUNT, g_strdup(count->str));
    step_append(prepare, PARAM_SHOW, g_strdup(show->str));
}

static void
note_type(PlanContext *ctx, const RewritePart *part)
{
    if (strcmp(part->old_type, part->new_type) == 0)
        plan_note(ctx->plan, "%s: column \"%s\" has its new values from the cut-over on, for the old application, too",
                  part->stmt->place, part->column);
    else
        plan_note(
            ctx->plan,
            "%s: column \"%s\" is %s from the cut-over on, for the old application, too. A prepared statement "
            "that returns it fails once in each session with \"cached plan must not change result type\" (0A000): let "
            "the application's pool open new sessions then",
            part->stmt->place, part->column, part->new_type);
    if (part->stmt->one_way != NULL)
        plan_note(ctx->plan, "%s: one-way by consent (%s): once the tables are exchanged there is no rollback",
                  part->stmt->place, part->stmt->one_way);
    else if (part->down == NULL)
        plan_note(ctx->plan,
                  "%s: until `complete`, new values of column \"%s\" are kept as %s, too: one that does not fit "
                  "ends the way back",
                  part->stmt->place, part->column, part->old_type);
}

static void
note_forecast(PlanContext *ctx, const TableRewrite *rewrite)
{
    const FactTable *table = rewrite->target->table;
    double bytes = (double)table->table_bytes + (double)table->index_bytes;
    g_autofree char *shown = sql_quote_name(table->schema, table->name);
    g_autofree char *disk = units_bytes_about(bytes);

    plan_note(ctx->plan,
              "the rewrite of %s needs about %s of new disk (less, as far as the table is bloated) and writes about as "
              "much WAL; the old table is kept until `complete`, so that rollback loses nothing, and its disk is free "
              "after it",
              shown, disk);
}

void
rewrite_plan_note(PlanContext *ctx, const TableRewrite *rewrite)
{
    note_forecast(ctx, rewrite);
    for (guint i = 0; i < rewrite->parts->len; i++) {
        const RewritePart *part = g_ptr_array_index(rewrite->parts, i);

        if (part->old_type != NULL)
            note_type(ctx, part);
    }
}
