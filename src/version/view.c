#include "version/view.h"

#include <string.h>

#include "base/sqltext.h"
#include "version/close.h"

gboolean
view_takes_privilege(const char *privilege)
{
    static const char *const taken[] = {"SELECT", "INSERT", "UPDATE", "DELETE"};

    for (guint i = 0; i < G_N_ELEMENTS(taken); i++) {
        if (strcmp(privilege, taken[i]) == 0)
            return TRUE;
    }
    return FALSE;
}

static char *
select_list(const VersionView *view)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < view->columns->len; i++) {
        const ViewColumn *column = g_ptr_array_index(view->columns, i);
        g_autofree char *item = strcmp(column->name, column->base) == 0
                                    ? sql_build("?", sql_ident(column->base))
                                    : sql_build("? AS ?", sql_ident(column->base), sql_ident(column->name));

        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", item);
    }
    return g_string_free(out, FALSE);
}

static void
add_default(GPtrArray *out, const VersionView *view, const ViewColumn *column)
{
    g_autofree char *none = NULL;

    /* ALTER COLUMN SET DEFAULT NULL takes the default away, and the table's would hold. */
    if (column->has_no_default)
        none = sql_build("CASE WHEN false THEN CAST(NULL AS ?) END", sql_raw(column->type));
    if (column->default_text == NULL && none == NULL)
        return;
    g_ptr_array_add(out, sql_build("ALTER VIEW ? ALTER COLUMN ? SET DEFAULT ?", sql_name(view->schema, view->name),
                                   sql_ident(column->name), sql_raw(none != NULL ? none : column->default_text)));
}

static void
add_grant(GPtrArray *out, const VersionView *view, const ViewGrant *grant)
{
    g_autofree char *column = grant->column != NULL ? sql_build(" (?)", sql_ident(grant->column)) : g_strdup("");

    if (view_takes_privilege(grant->privilege))
        g_ptr_array_add(out, sql_build("GRANT ?? ON ? TO ??", sql_raw(grant->privilege), sql_raw(column),
                                       sql_name(view->schema, view->name), sql_raw(grant->grantee),
                                       sql_raw(grant->is_grantable ? " WITH GRANT OPTION" : "")));
}

static char *
definition(const VersionView *view, const char *verb)
{
    g_autofree char *columns = select_list(view);

    return sql_build("? VIEW ?? AS SELECT ? FROM ?", sql_raw(verb), sql_name(view->schema, view->name),
                     sql_raw(view->is_invoker ? " WITH (security_invoker = true)" : ""), sql_raw(columns),
                     sql_name(view->base_schema, view->base_table));
}

char *
view_replace_sql(const VersionView *view)
{
    return definition(view, "CREATE OR REPLACE");
}

GPtrArray *
view_create_sql(const VersionView *view)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(out, definition(view, "CREATE"));
    if (view->comment != NULL)
        g_ptr_array_add(
            out, sql_build("COMMENT ON VIEW ? IS ?", sql_name(view->schema, view->name), sql_literal(view->comment)));
    for (guint i = 0; i < view->columns->len; i++) {
        const ViewColumn *column = g_ptr_array_index(view->columns, i);

        add_default(out, view, column);
        if (column->comment != NULL)
            g_ptr_array_add(out, sql_build("COMMENT ON COLUMN ?.? IS ?", sql_name(view->schema, view->name),
                                           sql_ident(column->name), sql_literal(column->comment)));
    }
    /* With its owner's rights it would give these on the table. */
    if (!view->is_invoker)
        g_ptr_array_add(out, close_relation_sql(view->schema, view->name));
    for (guint i = 0; i < view->grants->len; i++)
        add_grant(out, view, g_ptr_array_index(view->grants, i));
    return out;
}
