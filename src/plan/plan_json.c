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

/* Reading: every getter tolerates a missing member and marks the reader as failed. */
typedef struct Reader {
    const char *missing; /* the first member that was not there or of another type */
} Reader;

static JsonNode *
member(Reader *reader, JsonObject *object, const char *key)
{
    JsonNode *node = json_object_get_member(object, key);

    if (node == NULL && reader->missing == NULL)
        reader->missing = key;
    return node;
}

static char *
get_string(Reader *reader, JsonObject *object, const char *key)
{
    JsonNode *node = member(reader, object, key);

    if (node == NULL || JSON_NODE_HOLDS_NULL(node))
        return NULL;
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING) {
        reader->missing = key;
        return NULL;
    }
    return json_node_dup_string(node);
}

static gint64
get_int(Reader *reader, JsonObject *object, const char *key)
{
    JsonNode *node = member(reader, object, key);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_int(node) : 0;
}

static JsonArray *
get_array(Reader *reader, JsonObject *object, const char *key)
{
    JsonNode *node = member(reader, object, key);

    if (node != NULL && JSON_NODE_HOLDS_ARRAY(node))
        return json_node_get_array(node);
    reader->missing = key;
    return NULL;
}

static JsonObject *
get_element(Reader *reader, JsonArray *array, guint i, const char *key)
{
    JsonNode *node = json_array_get_element(array, i);

    if (JSON_NODE_HOLDS_OBJECT(node))
        return json_node_get_object(node);
    reader->missing = key;
    return NULL;
}

static void
get_strings(Reader *reader, JsonObject *object, const char *key, GPtrArray *out)
{
    JsonArray *array = get_array(reader, object, key);

    for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
        JsonNode *node = json_array_get_element(array, i);

        if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING)
            g_ptr_array_add(out, json_node_dup_string(node));
        else
            reader->missing = key;
    }
}

static void
get_locks(Reader *reader, JsonObject *object, Step *step)
{
    JsonArray *array = get_array(reader, object, "locks");

    for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
        JsonObject *item = get_element(reader, array, i, "locks");
        g_autofree char *schema = NULL;
        g_autofree char *table = NULL;
        g_autofree char *mode = NULL;
        g_autofree char *hold = NULL;

        if (item == NULL)
            return;
        schema = get_string(reader, item, "schema");
        table = get_string(reader, item, "table");
        mode = get_string(reader, item, "mode");
        hold = get_string(reader, item, "hold");
        if (schema == NULL || table == NULL || lock_mode_of_name(mode) == LOCK_NONE)
            reader->missing = "locks";
        else
            step_add_lock(step, schema, table, lock_mode_of_name(mode), lock_hold_of_name(hold),
                          json_object_get_boolean_member_with_default(item, "owned", FALSE));
    }
}

static void
get_params(Reader *reader, JsonObject *object, Step *step)
{
    JsonNode *node = member(reader, object, "params");
    JsonObjectIter iter;
    const char *key;
    JsonNode *value;

    if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node)) {
        reader->missing = "params";
        return;
    }
    json_object_iter_init(&iter, json_node_get_object(node));
    while (json_object_iter_next(&iter, &key, &value))
        step_set(step, key, json_node_get_string(value));
}

static Step *
get_step(Reader *reader, JsonObject *object)
{
    g_autofree char *kind_name = get_string(reader, object, "kind");
    g_autofree char *phase_text = get_string(reader, object, "phase");
    StepKind kind;
    Phase phase;
    Step *step;

    if (!step_kind_of_name(kind_name, &kind) || !phase_of_name(phase_text, &phase)) {
        reader->missing = "kind and phase that this pgseam knows";
        return NULL;
    }
    step = step_new(phase, kind, NULL, NULL);
    step->id = (int)get_int(reader, object, "id");
    step->schema = get_string(reader, object, "schema");
    step->table = get_string(reader, object, "table");
    step->sql = get_string(reader, object, "sql");
    step->why = get_string(reader, object, "why");
    step->line = (int)get_int(reader, object, "line");
    step->rows = (double)get_int(reader, object, "rows");
    get_locks(reader, object, step);
    get_strings(reader, object, "key", step->key);
    get_strings(reader, object, "key_types", step->key_types);
    get_params(reader, object, step);
    if (step->sql == NULL)
        reader->missing = "sql";
    return step;
}

static void
get_plan(Reader *reader, JsonObject *object, Plan *plan)
{
    JsonArray *steps = get_array(reader, object, "steps");

    plan->migration = get_string(reader, object, "migration");
    plan->path = get_string(reader, object, "file");
    plan->tool_version = get_string(reader, object, "tool_version");
    plan->server_version = (int)get_int(reader, object, "server_version");
    plan->search_path = get_string(reader, object, "search_path");
    plan->time_zone = get_string(reader, object, "time_zone");
    plan->date_style = get_string(reader, object, "date_style");
    plan->source_sha256 = get_string(reader, object, "source_sha256");
    plan->source = get_string(reader, object, "source");
    get_strings(reader, object, "notes", plan->notes);
    get_strings(reader, object, "facts", plan->facts);
    for (guint i = 0; steps != NULL && i < json_array_get_length(steps) && reader->missing == NULL; i++) {
        JsonObject *item = get_element(reader, steps, i, "steps");
        Step *step = item != NULL ? get_step(reader, item) : NULL;

        if (step != NULL)
            g_ptr_array_add(plan->steps, step);
    }
    if (plan->migration == NULL || plan->source == NULL || plan->search_path == NULL || plan->path == NULL ||
        plan->time_zone == NULL || plan->date_style == NULL)
        reader->missing = "migration, file, source or a setting";
}

static gboolean
check_format(JsonNode *root, const char *where, GError **error)
{
    gint64 format = -1;

    if (root != NULL && JSON_NODE_HOLDS_OBJECT(root))
        format = json_object_get_int_member_with_default(json_node_get_object(root), "pgseam_plan", -1);
    if (format == PLAN_FORMAT)
        return TRUE;
    if (format < 0)
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s is not a plan of pgseam", where);
    else
        seam_error_set(error, SEAM_ERROR_REFUSED,
                       "%s is a plan of format %" G_GINT64_FORMAT "; this pgseam reads format %d", where, format,
                       PLAN_FORMAT);
    seam_error_hint(error, "make a plan with: pgseam plan FILE.sql -o FILE.plan");
    return FALSE;
}

Plan *
plan_from_json(const char *text, const char *where, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(Plan) plan = plan_new();
    g_autofree char *hash = NULL;
    Reader reader = {NULL};

    if (!json_parser_load_from_data(parser, text, -1, NULL))
        return check_format(NULL, where, error), NULL;
    if (!check_format(json_parser_get_root(parser), where, error))
        return NULL;
    get_plan(&reader, json_node_get_object(json_parser_get_root(parser)), plan);
    if (reader.missing != NULL) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s is damaged: %s is missing or of the wrong type", where,
                       reader.missing);
        return NULL;
    }
    hash = plan_source_hash(plan->source);
    if (g_strcmp0(hash, plan->source_sha256) != 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "%s has been edited: its source does not match its hash", where);
        seam_error_hint(error, "change the SQL file and make a new plan");
        return NULL;
    }
    return g_steal_pointer(&plan);
}
