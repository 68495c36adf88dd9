#include "base/names.h"
#include "base/sqltext.h"
#include "version/sync_body.h"

const char *
sync_direction(const SyncTable *table, const SyncColumn *column)
{
    for (guint i = 0; i < table->groups->len; i++) {
        const SyncGroup *group = g_ptr_array_index(table->groups, i);

        if (g_ptr_array_find(group->old_columns, column, NULL))
            return "down";
    }
    return "up";
}

/* The stem is quoted, so that a.b of one schema and of another never become one name. */
char *
sync_function_name(const SyncTable *table, const SyncColumn *column, const char *purpose)
{
    g_autofree char *stem = column == NULL
                                ? sql_build("?", sql_name(table->schema, table->table))
                                : sql_build("?.?", sql_name(table->schema, table->table), sql_ident(column->name));

    return name_bounded(purpose, stem);
}

char *
sync_name_list(const GPtrArray *names, const char *row)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *one = sql_build("?.?", sql_raw(row), sql_quoted(g_ptr_array_index(names, i)));

        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", one);
    }
    return g_string_free(out, FALSE);
}

char *
sync_name_row(const GPtrArray *names, const char *row)
{
    g_autofree char *list = sync_name_list(names, row);

    return sql_build("ROW(?)", sql_raw(list));
}

GPtrArray *
sync_names(const GPtrArray *columns)
{
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < columns->len; i++)
        g_ptr_array_add(names, ((SyncColumn *)g_ptr_array_index(columns, i))->name);
    return names;
}

char *
sync_list(const GPtrArray *columns, const char *row)
{
    g_autoptr(GPtrArray) names = sync_names(columns);

    return sync_name_list(names, row);
}

char *
sync_row(const GPtrArray *columns, const char *row)
{
    g_autoptr(GPtrArray) names = sync_names(columns);

    return sync_name_row(names, row);
}

GPtrArray *
sync_made(const GPtrArray *columns)
{
    GPtrArray *made = g_ptr_array_new();

    for (guint i = 0; i < columns->len; i++) {
        SyncColumn *column = g_ptr_array_index(columns, i);

        if (column->expression != NULL)
            g_ptr_array_add(made, column);
    }
    return made;
}

char *
sync_call(const SyncTable *table, const SyncColumn *column, const char *row)
{
    g_autofree char *name = sync_function_name(table, column, sync_direction(table, column));
    GString *arguments = g_string_new(NULL);
    char *call = NULL;

    for (guint i = 0; i < column->inputs->len; i++) {
        const SyncInput *input = g_ptr_array_index(column->inputs, i);
        g_autofree char *one = row == NULL ? sql_build("?", sql_quoted(input->name))
                                           : sql_build("?.?", sql_raw(row), sql_quoted(input->name));

        g_string_append_printf(arguments, "%s%s", i > 0 ? ", " : "", one);
    }
    call = sql_build("?(?)", sql_name(table->own_schema, name), sql_raw(arguments->str));
    g_string_free(arguments, TRUE);
    return call;
}
