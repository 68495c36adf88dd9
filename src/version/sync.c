#include "version/sync.h"

#include "base/names.h"
#include "base/sqltext.h"
#include "version/sync_body.h"
#include "version/sync_guard.h"

static void
input_free(gpointer data)
{
    SyncInput *input = data;

    g_free(input->name);
    g_free(input->argument);
    g_free(input->type);
    g_free(input->collation);
    g_free(input);
}

static void
column_free(gpointer data)
{
    SyncColumn *column = data;

    g_free(column->name);
    g_free(column->type);
    g_free(column->expression);
    g_ptr_array_unref(column->inputs);
    g_free(column);
}

static void
group_free(gpointer data)
{
    SyncGroup *group = data;

    g_ptr_array_unref(group->old_columns);
    g_ptr_array_unref(group->new_columns);
    g_free(group);
}

SyncTable *
sync_table_new(const char *schema, const char *table, const char *own_schema, const char *marker)
{
    SyncTable *made = g_new0(SyncTable, 1);

    made->schema = g_strdup(schema);
    made->table = g_strdup(table);
    made->own_schema = g_strdup(own_schema);
    made->marker = g_strdup(marker);
    made->first_trigger = g_strdup(SYNC_FIRST_TRIGGER);
    made->last_trigger = g_strdup(SYNC_LAST_TRIGGER);
    made->partition_keys = g_ptr_array_new_with_free_func(g_free);
    made->keys = g_ptr_array_new_with_free_func(input_free);
    made->groups = g_ptr_array_new_with_free_func(group_free);
    return made;
}

void
sync_table_set_view(SyncTable *table, const char *view_schema, const char *view)
{
    g_free(table->view_schema);
    g_free(table->view);
    table->view_schema = g_strdup(view_schema);
    table->view = g_strdup(view);
}

SyncGroup *
sync_table_add(SyncTable *table, SyncKind kind)
{
    SyncGroup *group = g_new0(SyncGroup, 1);

    g_assert(table->groups->len < SYNC_MAX_GROUPS);
    group->kind = kind;
    group->old_columns = g_ptr_array_new_with_free_func(column_free);
    group->new_columns = g_ptr_array_new_with_free_func(column_free);
    g_ptr_array_add(table->groups, group);
    return group;
}

static SyncColumn *
add_column(GPtrArray *columns, const char *name, const char *type, const char *expression)
{
    SyncColumn *column = g_new0(SyncColumn, 1);

    column->name = g_strdup(name);
    column->type = g_strdup(type);
    column->expression = g_strdup(expression);
    column->inputs = g_ptr_array_new_with_free_func(input_free);
    g_ptr_array_add(columns, column);
    return column;
}

SyncColumn *
sync_group_add_old(SyncGroup *group, const char *name, const char *type, const char *down)
{
    g_assert(group->kind == SYNC_PAIR || group->kind == SYNC_DROP);
    return add_column(group->old_columns, name, type, down);
}

SyncColumn *
sync_group_add_new(SyncGroup *group, const char *name, const char *type, const char *up)
{
    g_assert(group->kind != SYNC_DROP);
    return add_column(group->new_columns, name, type, up);
}

static SyncInput *
add_input(GPtrArray *inputs, const char *name, const char *type, const char *collation)
{
    SyncInput *input = g_new0(SyncInput, 1);

    input->name = g_strdup(name);
    input->argument = g_strdup(name);
    input->type = g_strdup(type);
    input->collation = g_strdup(collation);
    g_ptr_array_add(inputs, input);
    return input;
}

SyncInput *
sync_column_add_input(SyncColumn *column, const char *name, const char *type, const char *collation)
{
    return add_input(column->inputs, name, type, collation);
}

void
sync_table_set_quarantine(SyncTable *table, gboolean guards_up, gboolean guards_down)
{
    table->guards_up = guards_up;
    table->guards_down = guards_down;
}

void
sync_table_add_key(SyncTable *table, const char *name, const char *type)
{
    add_input(table->keys, name, type, NULL);
}

gboolean
sync_has_quarantine(const SyncTable *table)
{
    return table->guards_up || table->guards_down;
}

void
sync_input_set_argument(SyncInput *input, const char *argument)
{
    g_free(input->argument);
    input->argument = g_strdup(argument);
}

void
sync_table_free(SyncTable *table)
{
    if (table == NULL)
        return;
    g_free(table->schema);
    g_free(table->table);
    g_free(table->own_schema);
    g_free(table->marker);
    g_free(table->view_schema);
    g_free(table->view);
    g_free(table->first_trigger);
    g_free(table->last_trigger);
    g_ptr_array_unref(table->partition_keys);
    g_ptr_array_unref(table->keys);
    g_ptr_array_unref(table->groups);
    g_free(table);
}

gboolean
sync_needs_marker(const SyncTable *table)
{
    for (guint i = 0; i < table->groups->len; i++) {
        const SyncGroup *group = g_ptr_array_index(table->groups, i);

        if (group->kind != SYNC_FILL)
            return TRUE;
    }
    return FALSE;
}

gint64
sync_marker_default(const SyncTable *table)
{
    return (1 << table->groups->len) - 1;
}

/* Columns that an expression makes, of all groups; the caller unrefs. */
static GPtrArray *
all_made(const SyncTable *table)
{
    GPtrArray *all = g_ptr_array_new();

    for (guint i = 0; i < table->groups->len; i++) {
        const SyncGroup *group = g_ptr_array_index(table->groups, i);

        g_ptr_array_extend_and_steal(all, sync_made(group->old_columns));
        g_ptr_array_extend_and_steal(all, sync_made(group->new_columns));
    }
    return all;
}

static char *
arguments_of(const SyncColumn *column)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < column->inputs->len; i++) {
        const SyncInput *input = g_ptr_array_index(column->inputs, i);
        g_autofree char *one = sql_build("? ?", sql_quoted(input->argument), sql_raw(input->type));

        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", one);
    }
    return g_string_free(out, FALSE);
}

/* The arguments again, with the collations of their columns; NULL if all have their types'. */
static char *
collated_arguments(const SyncColumn *column)
{
    GString *out = g_string_new(NULL);
    gboolean is_collated = FALSE;

    for (guint i = 0; i < column->inputs->len; i++) {
        const SyncInput *input = g_ptr_array_index(column->inputs, i);
        g_autofree char *one = input->collation == NULL
                                   ? sql_build("?", sql_quoted(input->argument))
                                   : sql_build("? COLLATE ? AS ?", sql_quoted(input->argument),
                                               sql_raw(input->collation), sql_quoted(input->argument));

        is_collated |= input->collation != NULL;
        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", one);
    }
    return g_string_free(out, !is_collated);
}

/* The expression stands on lines of its own: it may end in a comment. */
static char *
expression_function(const SyncTable *table, const SyncColumn *column)
{
    g_autofree char *name = sync_function_name(table, column, sync_direction(table, column));
    g_autofree char *arguments = arguments_of(column);
    g_autofree char *collated = collated_arguments(column);
    g_autofree char *body = collated == NULL ? sql_build("(\n?\n)", sql_raw(column->expression))
                                             : sql_build("(SELECT (\n?\n) FROM (SELECT ?) AS pgseam_row)",
                                                         sql_raw(column->expression), sql_raw(collated));

    return sql_build("CREATE FUNCTION ?(?) RETURNS ? LANGUAGE sql STABLE RETURN ?", sql_name(table->own_schema, name),
                     sql_raw(arguments), sql_raw(column->type), sql_raw(body));
}

static void
add_trigger_function(GPtrArray *out, const SyncTable *table, const char *purpose, SyncMoment moment)
{
    g_autofree char *name = sync_function_name(table, NULL, purpose);
    g_autofree char *body = sync_body(table, moment);

    g_ptr_array_add(out, sql_build("CREATE FUNCTION ?() RETURNS trigger LANGUAGE plpgsql AS ?",
                                   sql_name(table->own_schema, name), sql_literal(body)));
}

GPtrArray *
sync_functions_sql(const SyncTable *table)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) made = all_made(table);

    for (guint i = 0; i < made->len; i++) {
        const SyncColumn *column = g_ptr_array_index(made, i);
        g_autofree char *name = sync_function_name(table, column, sync_direction(table, column));

        g_ptr_array_add(out, expression_function(table, column));
        /* Default privileges may have taken it from those who write. */
        g_ptr_array_add(out, sql_build("GRANT EXECUTE ON FUNCTION ? TO PUBLIC", sql_name(table->own_schema, name)));
    }
    g_ptr_array_extend_and_steal(out, sync_try_sql(table));
    if (table->has_user_triggers)
        add_trigger_function(out, table, "first", SYNC_FIRST);
    add_trigger_function(out, table, "last", table->has_user_triggers ? SYNC_LAST : SYNC_ALONE);
    g_ptr_array_add(out, sync_seal_sql(table));
    return out;
}

static void
add_trigger(GPtrArray *out, const SyncTable *table, const char *trigger, const char *purpose)
{
    g_autofree char *name = sync_function_name(table, NULL, purpose);

    g_ptr_array_add(out, sql_build("CREATE TRIGGER ? BEFORE INSERT OR UPDATE ON ? FOR EACH ROW EXECUTE FUNCTION ?()",
                                   sql_ident(trigger), sql_name(table->schema, table->table),
                                   sql_name(table->own_schema, name)));
    /* Subscriptions, and sessions that switch triggers off for a moment, must not bring the sides out of step. */
    g_ptr_array_add(out, sql_build("ALTER TABLE ? ENABLE ALWAYS TRIGGER ?", sql_name(table->schema, table->table),
                                   sql_ident(trigger)));
}

GPtrArray *
sync_triggers_sql(const SyncTable *table)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

    if (table->has_user_triggers)
        add_trigger(out, table, table->first_trigger, "first");
    add_trigger(out, table, table->last_trigger, "last");
    return out;
}

GPtrArray *
sync_drop_triggers_sql(const SyncTable *table)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);

    if (table->has_user_triggers)
        g_ptr_array_add(out, sql_build("DROP TRIGGER IF EXISTS ? ON ?", sql_ident(table->first_trigger),
                                       sql_name(table->schema, table->table)));
    g_ptr_array_add(out, sql_build("DROP TRIGGER IF EXISTS ? ON ?", sql_ident(table->last_trigger),
                                   sql_name(table->schema, table->table)));
    return out;
}

GPtrArray *
sync_drop_functions_sql(const SyncTable *table)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) names = sync_function_names(table);

    for (guint i = names->len; i > 0; i--)
        g_ptr_array_add(
            out, sql_build("DROP FUNCTION IF EXISTS ?", sql_name(table->own_schema, g_ptr_array_index(names, i - 1))));
    return out;
}

GPtrArray *
sync_function_names(const SyncTable *table)
{
    GPtrArray *out = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) made = all_made(table);

    for (guint i = 0; i < made->len; i++) {
        const SyncColumn *column = g_ptr_array_index(made, i);

        g_ptr_array_add(out, sync_function_name(table, column, sync_direction(table, column)));
    }
    g_ptr_array_extend_and_steal(out, sync_try_names(table));
    if (table->has_user_triggers)
        g_ptr_array_add(out, sync_function_name(table, NULL, "first"));
    g_ptr_array_add(out, sync_function_name(table, NULL, "last"));
    return out;
}
