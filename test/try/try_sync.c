/*
 * pgseam-try sync - JSON: the SQL of a sync trigger, as one JSON object; needs no server. JSON describes the table:
 * {"schema", "table", "own_schema", "marker", "view_schema", "view", "user_triggers": bool, "partition_keys": [name],
 *  "groups": [{"kind": "pair"|"add"|"drop"|"fill", "old": [column], "new": [column]}], "keys": [name], "where"},
 * a column is {"name", "type", "expression", "not_null": bool, "inputs": [{"name", "type", "collation"}]}.
 */
#include <json-glib/json-glib.h>
#include <stdio.h>

#include "try.h"
#include "version/sync.h"

static const char *
text_of(JsonObject *object, const char *name)
{
    return json_object_get_string_member_with_default(object, name, NULL);
}

static SyncKind
kind_of(JsonObject *group)
{
    static const char *const names[] = {
        [SYNC_PAIR] = "pair", [SYNC_ADD] = "add", [SYNC_DROP] = "drop", [SYNC_FILL] = "fill"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_strcmp0(text_of(group, "kind"), names[i]) == 0)
            return i;
    g_error("no such kind");
}

static JsonArray *
array_of(JsonObject *object, const char *name)
{
    return json_object_has_member(object, name) ? json_object_get_array_member(object, name) : NULL;
}

static guint
length_of(JsonArray *array)
{
    return array != NULL ? json_array_get_length(array) : 0;
}

static void
read_columns(SyncGroup *group, JsonArray *columns,
             SyncColumn *(*add)(SyncGroup *, const char *, const char *, const char *))
{
    for (guint i = 0; i < length_of(columns); i++) {
        JsonObject *object = json_array_get_object_element(columns, i);
        JsonArray *inputs = array_of(object, "inputs");
        SyncColumn *column =
            add(group, text_of(object, "name"), text_of(object, "type"), text_of(object, "expression"));

        column->is_not_null = json_object_get_boolean_member_with_default(object, "not_null", FALSE);
        for (guint k = 0; k < length_of(inputs); k++) {
            JsonObject *input = json_array_get_object_element(inputs, k);

            sync_column_add_input(column, text_of(input, "name"), text_of(input, "type"), text_of(input, "collation"));
        }
    }
}

static SyncTable *
read_table(JsonObject *object)
{
    SyncTable *table = sync_table_new(text_of(object, "schema"), text_of(object, "table"),
                                      text_of(object, "own_schema"), text_of(object, "marker"));
    JsonArray *groups = array_of(object, "groups");
    JsonArray *keys = array_of(object, "partition_keys");

    sync_table_set_view(table, text_of(object, "view_schema"), text_of(object, "view"));
    table->has_user_triggers = json_object_get_boolean_member_with_default(object, "user_triggers", FALSE);
    for (guint i = 0; i < length_of(keys); i++)
        g_ptr_array_add(table->partition_keys, g_strdup(json_array_get_string_element(keys, i)));
    for (guint i = 0; i < length_of(groups); i++) {
        JsonObject *row = json_array_get_object_element(groups, i);
        SyncGroup *group = sync_table_add(table, kind_of(row));

        read_columns(group, array_of(row, "old"), sync_group_add_old);
        read_columns(group, array_of(row, "new"), sync_group_add_new);
    }
    return table;
}

static void
add_list(JsonBuilder *out, const char *name, GPtrArray *statements)
{
    json_builder_set_member_name(out, name);
    json_builder_begin_array(out);
    for (guint i = 0; i < statements->len; i++)
        json_builder_add_string_value(out, g_ptr_array_index(statements, i));
    json_builder_end_array(out);
    g_ptr_array_unref(statements);
}

static void
add_text(JsonBuilder *out, const char *name, char *sql)
{
    json_builder_set_member_name(out, name);
    json_builder_add_string_value(out, sql);
    g_free(sql);
}

static void
print_all(const SyncTable *table, JsonObject *object)
{
    g_autoptr(JsonBuilder) out = json_builder_new();
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *text = NULL;
    JsonArray *names = array_of(object, "keys");

    for (guint i = 0; i < length_of(names); i++)
        g_ptr_array_add(keys, (gpointer)json_array_get_string_element(names, i));
    json_builder_begin_object(out);
    add_list(out, "functions", sync_functions_sql(table));
    add_list(out, "triggers", sync_triggers_sql(table));
    add_list(out, "drop_triggers", sync_drop_triggers_sql(table));
    add_list(out, "drop_functions", sync_drop_functions_sql(table));
    add_text(out, "verify_functions", sync_verify_functions_sql(table));
    add_text(out, "verify_triggers", sync_verify_triggers_sql(table));
    add_text(out, "intruders", sync_intruders_sql(table));
    add_text(out, "mismatch", sync_mismatch_sql(table, text_of(object, "where")));
    add_text(out, "show", sync_mismatch_show_sql(table, keys, text_of(object, "where"), 5));
    add_text(out, "marker_default", g_strdup_printf("%" G_GINT64_FORMAT, sync_marker_default(table)));
    json_builder_end_object(out);
    root = json_builder_get_root(out);
    text = json_to_string(root, FALSE);
    printf("%s\n", text);
}

gboolean
try_sync(const char *dsn, char **args, GError **error)
{
    g_autoptr(JsonNode) root = json_from_string(args[0], error);
    g_autoptr(SyncTable) table = NULL;

    if (root == NULL)
        return FALSE;
    table = read_table(json_node_get_object(root));
    print_all(table, json_node_get_object(root));
    return TRUE;
}
