#include "plan/plan_json.h"

#include <string.h>

#include "base/document.h"
#include "base/sqltext.h"

static int
compare_keys(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static void
put_params(JsonBuilder *builder, GHashTable *params)
{
    g_autoptr(GList) keys = g_list_sort(g_hash_table_get_keys(params), compare_keys);

    document_begin_object(builder, "params");
    for (GList *key = keys; key != NULL; key = key->next)
        document_put_text(builder, key->data, g_hash_table_lookup(params, key->data));
    json_builder_end_object(builder);
}

static void
put_lock(JsonBuilder *builder, gconstpointer item)
{
    const StepLock *lock = item;
    g_autofree char *relation = sql_quote_name(lock->schema, lock->table);

    json_builder_begin_object(builder);
    document_put_text(builder, "relation", relation);
    document_put_text(builder, "mode", lock_mode_name(lock->mode));
    document_put_text(builder, "hold", lock_hold_name(lock->hold));
    document_put_text(builder, "schema", lock->schema);
    document_put_text(builder, "table", lock->table);
    document_put_bool(builder, "owned", lock->is_owned);
    if (lock->for_undo)
        document_put_bool(builder, "undo", TRUE);
    if (lock->is_view)
        document_put_bool(builder, "view", TRUE);
    json_builder_end_object(builder);
}

static void
put_step(JsonBuilder *builder, gconstpointer item)
{
    const Step *step = item;

    json_builder_begin_object(builder);
    document_put_int(builder, "id", step->id);
    document_put_text(builder, "phase", phase_name(step->phase));
    document_put_text(builder, "kind", step_trait(step->kind)->name);
    document_put_text(builder, "schema", step->schema);
    document_put_text(builder, "table", step->table);
    document_put_text(builder, "sql", step->sql);
    document_put_text(builder, "why", step->why);
    document_put_text(builder, "file", step->file);
    document_put_int(builder, "line", step->line);
    document_put_int(builder, "rows", (gint64)step->rows);
    document_put_int(builder, "bytes", (gint64)step->bytes);
    document_put_list(builder, "locks", step->locks, put_lock);
    document_put_texts(builder, "key", step->key);
    document_put_texts(builder, "key_types", step->key_types);
    put_params(builder, step->params);
    json_builder_end_object(builder);
}

static void
put_plan(JsonBuilder *builder, const Plan *plan)
{
    json_builder_begin_object(builder);
    document_put_int(builder, "pgseam_plan", PLAN_FORMAT);
    document_put_text(builder, "migration", plan->migration);
    if (plan->version != NULL)
        document_put_text(builder, "version", plan->version);
    if (plan->pins_all)
        document_put_text(builder, "pin", "all");
    document_put_text(builder, "file", plan->path);
    document_put_text(builder, "tool_version", plan->tool_version);
    document_put_int(builder, "server_version", plan->server_version);
    document_put_text(builder, "search_path", plan->search_path);
    document_put_text(builder, "time_zone", plan->time_zone);
    document_put_text(builder, "date_style", plan->date_style);
    document_put_list(builder, "steps", plan->steps, put_step);
    document_put_texts(builder, "notes", plan->notes);
    if (plan->small != NULL)
        document_put_texts(builder, "small_tables", plan->small);
    document_put_texts(builder, "facts", plan->facts);
    document_put_text(builder, "source_sha256", plan->source_sha256);
    document_put_text(builder, "source", plan->source);
    json_builder_end_object(builder);
}

char *
plan_to_json(const Plan *plan)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    put_plan(builder, plan);
    return document_text(builder);
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
    json_object_remove_member(json_node_get_object(root), "bytes");
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
