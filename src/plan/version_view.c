/*
 * A table of the version as views: the application's, and where columns are kept in step one beneath it, which marks
 * what the new application inserts.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/version_plan.h"

/* "NULL", "(NULL)", "NULL::text" */
static gboolean
is_null(const char *expr)
{
    g_autoptr(GRegex) null = g_regex_new("^[\\s(]*NULL\\b", G_REGEX_CASELESS, 0, NULL);

    return expr != NULL && g_regex_match(null, expr, 0, NULL);
}

static ViewColumn *
new_column(GPtrArray *columns, const char *name, const char *base)
{
    ViewColumn *column = g_new0(ViewColumn, 1);

    column->name = name;
    column->base = base;
    g_ptr_array_add(columns, column);
    return column;
}

/* SQL of the default that the new application has for the column; NULL: none of the view's own. The caller frees. */
static char *
default_of(const VersionColumn *column)
{
    const FactColumn *fact = column->fact;

    if (column->drops_default)
        return fact != NULL ? g_strdup(fact->type_default) : NULL;
    if (column->default_text != NULL)
        return g_strdup(column->default_text);
    if (fact == NULL)
        return g_strdup(column->added->default_value.text);
    if (fact->is_generated || fact->default_expr == NULL)
        return NULL;
    return column->retyped != NULL
               ? sql_build("CAST((?) AS ?)", sql_raw(fact->default_expr), sql_raw(column->retyped->type))
               : g_strdup(fact->default_expr);
}

static void
fill_column(VersionView *view, const VersionColumn *column, Phase phase)
{
    const FactColumn *fact = column->fact;
    gboolean is_renamed = phase == PHASE_CONTRACT && column->hidden == NULL;
    ViewColumn *out = new_column(view->columns, column->name, is_renamed ? column->name : version_base_name(column));

    out->type = column->retyped != NULL ? column->retyped->type : fact != NULL ? fact->type : column->added->type;
    out->comment = fact != NULL ? fact->comment : NULL;
    out->default_text = default_of(column);
    out->has_no_default = is_null(out->default_text) || (column->drops_default && out->default_text == NULL);
    if (out->has_no_default)
        g_clear_pointer(&out->default_text, g_free);
}

static gboolean
has_column_grants(const FactTable *table)
{
    for (guint i = 0; table->grants != NULL && i < table->grants->len; i++) {
        if (((const FactGrant *)g_ptr_array_index(table->grants, i))->column != NULL)
            return TRUE;
    }
    return FALSE;
}

/* Whoever may read some columns only could not use a view that reads all of them in his name. Its owner's rights with
 * the same privileges on the view come to the same, but for policies. */
static gboolean
is_invoker(const PlanContext *ctx, const FactTable *table)
{
    return ctx->facts->server_version >= INVOKER_SERVER && (table->has_row_security || !has_column_grants(table));
}

static void
fill_grants(VersionView *view, const VersionTable *table, gboolean is_inner)
{
    for (guint i = 0; table->table->grants != NULL && i < table->table->grants->len; i++) {
        const FactGrant *grant = g_ptr_array_index(table->table->grants, i);
        const VersionColumn *column = grant->column != NULL ? version_old_column(table, grant->column) : NULL;
        ViewGrant *out;

        if (grant->column != NULL && (column == NULL || column->is_dropped))
            continue;
        out = g_new0(ViewGrant, 1);
        *out = (ViewGrant){column == NULL ? NULL
                           : is_inner     ? version_base_name(column)
                                          : column->name,
                           grant->grantee, grant->privilege, grant->is_grantable};
        g_ptr_array_add(view->grants, out);
    }
}

static void
column_free(gpointer data)
{
    ViewColumn *column = data;

    g_free(column->default_text);
    g_free(column);
}

static void
begin_view(VersionView *view, const PlanContext *ctx, const VersionTable *table)
{
    *view = (VersionView){.schema = g_strdup(ctx->script->version),
                          .name = table->name,
                          .base_schema = table->table->schema,
                          .base_table = table->table->name,
                          .is_invoker = is_invoker(ctx, table->table),
                          .columns = g_ptr_array_new_with_free_func(column_free),
                          .grants = g_ptr_array_new_with_free_func(g_free)};
}

gboolean
version_is_marked(const VersionTable *table)
{
    return table->sync != NULL && sync_needs_marker(table->sync);
}

void
version_fill_view(VersionView *view, const PlanContext *ctx, const VersionTable *table, Phase phase)
{
    begin_view(view, ctx, table);
    view->comment = table->table->comment;
    if (version_is_marked(table) && phase != PHASE_CONTRACT)
        view->base_schema = table->sync->own_schema;
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (!column->is_dropped)
            fill_column(view, column, phase);
    }
    fill_grants(view, table, FALSE);
}

void
version_fill_inner(VersionView *view, const PlanContext *ctx, const VersionTable *table)
{
    begin_view(view, ctx, table);
    g_free(view->schema);
    view->schema = g_strdup(table->sync->own_schema);
    view->name = table->table->name;
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (!column->is_dropped)
            new_column(view->columns, version_base_name(column), version_base_name(column));
    }
    new_column(view->columns, table->sync->marker, table->sync->marker)->default_text =
        sql_build("?", sql_int(sync_marker_default(table->sync)));
    fill_grants(view, table, TRUE);
}

void
version_view_clear(VersionView *view)
{
    g_free(view->schema);
    g_ptr_array_unref(view->columns);
    g_ptr_array_unref(view->grants);
}
