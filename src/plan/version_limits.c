/*
 * What a view cannot do that its table can, tried on 14 to 18. What holds for every view is one note; what belongs to
 * one table stands at the step that makes its view.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/version_plan.h"

#define MERGE_SERVER 170000
#define MOST_NAMES   10

static void
append_name(GString *out, const char *name)
{
    g_autofree char *quoted = sql_quote_ident(name);

    g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", quoted);
}

static void
append_part(GString *out, const char *before, const GString *names, const char *behind)
{
    if (names->len > 0)
        g_string_append_printf(out, "%s%s%s%s", out->len > 0 ? "; " : "", before, names->str, behind);
}

/* Those that an ON CONFLICT may name. */
static void
add_constraints(GString *out, const FactTable *table)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);

        if (!constraint->is_inbound && strchr("pux", constraint->kind) != NULL)
            append_name(names, constraint->name);
    }
    append_part(out, "ON CONFLICT ON CONSTRAINT ", names, " (with columns it works)");
}

static void
add_sequences(GString *out, const VersionTable *table)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (!column->is_dropped && column->fact != NULL && column->fact->sequence != NULL)
            append_name(names, column->name);
    }
    append_part(out, "pg_get_serial_sequence() of ", names, " (it gives NULL)");
}

/* By its primary key PostgreSQL knows that the other columns are the same in a group. */
static void
add_group_by(GString *out, const VersionTable *table)
{
    const FactIndex *key = facts_primary_key(table->table);
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; key != NULL && key->columns != NULL && i < key->columns->len; i++) {
        const VersionColumn *column = version_old_column(table, g_ptr_array_index(key->columns, i));

        if (column == NULL || column->is_dropped)
            return;
        append_name(names, column->name);
    }
    append_part(out, "GROUP BY ", names, " with other columns in the list");
}

char *
version_limits(const VersionTable *table)
{
    g_autoptr(GString) out = g_string_new(NULL);

    add_constraints(out, table->table);
    add_sequences(out, table);
    add_group_by(out, table);
    if (table->table->kind == 'p' || table->table->has_children)
        g_string_append_printf(out, "%sONLY (its children's rows are shown all the same)", out->len > 0 ? "; " : "");
    return out->len > 0 ? g_strdup(out->str) : NULL;
}

/* A few by their names, else how many. The caller frees. */
static char *
list_views(const PlanContext *ctx, const GPtrArray *tables)
{
    g_autoptr(GString) names = g_string_new(NULL);

    if (tables->len > MOST_NAMES)
        return g_strdup_printf("%u of them", tables->len);
    for (guint i = 0; i < tables->len; i++) {
        const VersionTable *table = g_ptr_array_index(tables, i);
        g_autofree char *name = sql_quote_name(ctx->script->version, table->name);

        g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", name);
    }
    return g_strdup(names->str);
}

void
version_note_limits(PlanContext *ctx, const GPtrArray *tables)
{
    g_autofree char *views = list_views(ctx, tables);

    plan_note(ctx->plan,
              "a view (%s) takes no COPY, TRUNCATE, TABLESAMPLE, WHERE CURRENT OF%s or REFERENCES, and has no system "
              "columns (ctid, xmin, tableoid); what else each cannot do stands at its step in the plan (\"not\"); use "
              "the table's own name for these",
              views, ctx->facts->server_version < MERGE_SERVER ? ", MERGE" : "");
}
