#include "plan/plan_json.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"

static void
put_string(JsonBuilder *builder, const char *key, const char *value)
{
    json_builder_set_member_name(builder, key);
    if (value != NULL)
        json_builder_add_string_value(builder, value);
    else
        json_builder_add_null_value(builder);
}

static void
put_int(JsonBuilder *builder, const char *key, gint64 value)
{
    json_builder_set_member_name(builder, key);
    json_builder_add_int_value(builder, value);
}

static void
put_strings(JsonBuilder *builder, const char *key, const GPtrArray *values)
{
    json_builder_set_member_name(builder, key);
    json_builder_begin_array(builder);
    for (guint i = 0; i < values->len; i++)
        json_builder_add_string_value(builder, g_ptr_array_index(values, i));
    json_builder_end_array(builder);
}

static int
compare_keys(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static void
put_params(JsonBuilder *builder, GHashTable *params)
{
    g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(params), compare_keys);

    json_builder_set_member_name(builder, "params");
    json_builder_begin_object(builder);
    for (GList *key = keys; key != NULL; key = key->next)
        put_string(builder, key->data, g_hash_table_lookup(params, key->data));
    json_builder_end_object(builder);
}

static void
put_locks(JsonBuilder *builder, const GPtrArray *locks)
{
    json_builder_set_member_name(builder, "locks");
    json_builder_begin_array(builder);
    for (guint i = 0; i < locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(locks, i);
        g_autofree char *relation = sql_quote_name(lock->schema, lock->table);

        json_builder_begin_object(builder);
        put_string(builder, "relation", relation);
        put_string(builder, "mode", lock_mode_name(lock->mode));
        put_string(builder, "hold", lock_hold_name(lock->hold));
        put_string(builder, "schema", lock->schema);
        put_string(builder, "table", lock->table);
        json_builder_set_member_name(builder, "owned");
        json_builder_add_boolean_value(builder, lock->is_owned);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
}

static void
put_step(JsonBuilder *builder, const Step *step)
{
    json_builder_begin_object(builder);
    put_int(builder, "id", step->id);
    put_string(builder, "phase", phase_name(step->phase));
    put_string(builder, "kind", step_trait(step->kind)->name);
    put_string(builder, "schema", step->schema);
    put_string(builder, "table", step->table);
    put_string(builder, "sql", step->sql);
    put_string(builder, "why", step->why);
    put_int(builder, "line", step->line);
    put_int(builder, "rows", (gint64)step->rows);
    put_locks(builder, step->locks);
    put_strings(builder, "key", step->key);
    put_strings(builder, "key_types", step->key_types);
    put_params(builder, step->params);
    json_builder_end_object(builder);
}

static void
put_plan(JsonBuilder *builder, const Plan *plan)
{
    json_builder_begin_object(builder);
    put_int(builder, "pgseam_plan", PLAN_FORMAT);
    put_string(builder, "migration", plan->migration);
    put_string(builder, "file", plan->path);
    put_string(builder, "tool_version", plan->tool_version);
    put_int(builder, "server_version", plan->server_version);
    put_string(builder, "search_path", plan->search_path);
    put_string(builder, "time_zone", plan->time_zone);
    put_string(builder, "date_style", plan->date_style);
    json_builder_set_member_name(builder, "steps");
    json_builder_begin_array(builder);
    for (guint i = 0; i < plan->steps->len; i++)
        put_step(builder, g_ptr_array_index(plan->steps, i));
    json_builder_end_array(builder);
    put_strings(builder, "notes", plan->notes);
    put_strings(builder, "facts", plan->facts);
    put_string(builder, "source_sha256", plan->source_sha256);
    put_string(builder, "source", plan->source);
    json_builder_end_object(builder);
}

char *
plan_to_json(const Plan *plan)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *text = NULL;

    put_plan(builder, plan);
    root = json_builder_get_root(builder);
    text = json_to_string(root, TRUE);
    return g_strconcat(text, "\n", NULL);
}

/* One step as text, without what is an estimate. */
static char *
step_text(const Step *step)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;

    put_step(builder, step);
    root = json_builder_get_root(builder);
    json_object_remove_member(json_node_get_object(root), "rows");
    return json_to_string(root, FALSE);
}

gboolean
plan_same_steps(const Plan *a, const Plan *b)
{
    if (a->steps->len != b->steps->len)
        return FALSE;
    for (guint i = 0; i < a->steps->len; i++) {
        g_autofree char *one = step_text(g_ptr_array_index(a->steps, i));
        g_autofree char *other = step_text(g_ptr_array_index(b->steps, i));

        if (strcmp(one, other) != 0)
            return FALSE;
    }
    return TRUE;
}
