/*
 * A plan read back from JSON. Whatever is not as it was written makes it damaged: a plan runs on somebody's data.
 */
#include <json-glib/json-glib.h>
#include <string.h>

#include "base/error.h"
#include "plan/plan_json.h"

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
    if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING)
        return json_node_dup_string(node);
    reader->missing = key;
    return NULL;
}

static gboolean
holds(JsonNode *node, GType type)
{
    return node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type;
}

static gint64
get_int(Reader *reader, JsonObject *object, const char *key)
{
    JsonNode *node = member(reader, object, key);

    if (holds(node, G_TYPE_INT64))
        return json_node_get_int(node);
    reader->missing = key;
    return 0;
}

static gboolean
get_bool(Reader *reader, JsonObject *object, const char *key)
{
    JsonNode *node = member(reader, object, key);

    if (holds(node, G_TYPE_BOOLEAN))
        return json_node_get_boolean(node);
    reader->missing = key;
    return FALSE;
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

        if (holds(node, G_TYPE_STRING))
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
        if (schema == NULL || table == NULL || lock_mode_of_name(mode) == LOCK_NONE ||
            g_strcmp0(lock_hold_name(lock_hold_of_name(hold)), hold) != 0)
            reader->missing = "locks";
        else if (json_object_has_member(item, "undo") && get_bool(reader, item, "undo"))
            step_add_undo_lock(step, schema, table, lock_mode_of_name(mode), get_bool(reader, item, "owned"));
        else if (json_object_has_member(item, "view") && get_bool(reader, item, "view"))
            step_add_view_lock(step, schema, table, lock_mode_of_name(mode));
        else
            step_add_lock(step, schema, table, lock_mode_of_name(mode), lock_hold_of_name(hold),
                          get_bool(reader, item, "owned"));
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
    while (json_object_iter_next(&iter, &key, &value)) {
        if (holds(value, G_TYPE_STRING))
            step_set(step, key, json_node_get_string(value));
        else
            reader->missing = "params";
    }
}

/* The parameter without which a kind cannot work. */
static const char *const needed_params[STEP_N_KINDS] = {
    [STEP_COLUMN_ADD] = PARAM_COLUMN,
    [STEP_COLUMN_DROP] = PARAM_COLUMN,
    [STEP_COLUMN_SET_DEFAULT] = PARAM_COLUMN,
    [STEP_COLUMN_DROP_DEFAULT] = PARAM_COLUMN,
    [STEP_COLUMN_DROP_NOT_NULL] = PARAM_COLUMN,
    [STEP_COLUMN_SET_NOT_NULL] = PARAM_COLUMN,
    [STEP_CHECK_ADD_NOT_VALID] = PARAM_CONSTRAINT,
    [STEP_CHECK_VALIDATE] = PARAM_CONSTRAINT,
    [STEP_FOREIGN_KEY_ADD_NOT_VALID] = PARAM_CONSTRAINT,
    [STEP_FOREIGN_KEY_VALIDATE] = PARAM_CONSTRAINT,
    [STEP_CONSTRAINT_ADD] = PARAM_CONSTRAINT,
    [STEP_INDEX_CREATE] = PARAM_INDEX,
    [STEP_INDEX_DROP] = PARAM_INDEX,
    [STEP_INDEX_REINDEX] = PARAM_INDEX,
    [STEP_PARTITION_DETACH] = PARAM_PARTITION,
    [STEP_REWRITE_PREPARE] = PARAM_REWRITE,
    [STEP_REWRITE_CAPTURE] = PARAM_REWRITE,
    [STEP_REWRITE_COPY] = PARAM_REWRITE,
    [STEP_REWRITE_INDEX] = PARAM_REWRITE,
    [STEP_REWRITE_CATCH_UP] = PARAM_REWRITE,
    [STEP_REWRITE_VERIFY] = PARAM_REWRITE,
    [STEP_REWRITE_SWAP] = PARAM_REWRITE,
    [STEP_REWRITE_DROP] = PARAM_REWRITE,
};

/* A function is in no table, and a type locks none. */
static gboolean
may_be_without_table(StepKind kind)
{
    return kind == STEP_OPAQUE_RUN || kind == STEP_DDL_RUN || kind == STEP_DDL_FINAL;
}

/* What each kind of step stands on. */
static gboolean
is_whole(const Step *step)
{
    gboolean walks =
        step->kind == STEP_BACKFILL_UPDATE || step->kind == STEP_BACKFILL_DELETE || step->kind == STEP_BACKFILL_INSERT;
    gboolean has_key = walks && g_strcmp0(step_get(step, PARAM_WALK), "ctid") != 0;

    if (step->sql == NULL || step->why == NULL)
        return FALSE;
    if (!may_be_without_table(step->kind) && (step->schema == NULL || step->table == NULL || step->locks->len == 0))
        return FALSE;
    if (has_key && (step->key->len == 0 || step->key->len != step->key_types->len ||
                    step_get(step, PARAM_GREATER) == NULL || step_get(step, PARAM_AT_MOST) == NULL))
        return FALSE;
    return needed_params[step->kind] == NULL || step_get(step, needed_params[step->kind]) != NULL;
}

static Step *
get_step(Reader *reader, JsonObject *object)
{
    g_autofree char *kind_name = get_string(reader, object, "kind");
    g_autofree char *phase_text = get_string(reader, object, "phase");
    g_autofree char *file = NULL;
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
    if (json_object_has_member(object, "file"))
        file = get_string(reader, object, "file");
    step_set_place(step, file, (int)get_int(reader, object, "line"));
    step->rows = (double)get_int(reader, object, "rows");
    if (json_object_has_member(object, "bytes"))
        step->bytes = (double)get_int(reader, object, "bytes");
    get_locks(reader, object, step);
    get_strings(reader, object, "key", step->key);
    get_strings(reader, object, "key_types", step->key_types);
    get_params(reader, object, step);
    if (!is_whole(step))
        reader->missing = "something that a step of its kind needs";
    return step;
}

static void
get_plan(Reader *reader, JsonObject *object, Plan *plan)
{
    JsonArray *steps = get_array(reader, object, "steps");

    plan->migration = get_string(reader, object, "migration");
    if (json_object_has_member(object, "version"))
        plan->version = get_string(reader, object, "version");
    plan->pins_all = json_object_has_member(object, "pin");
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
    if (json_object_has_member(object, "small_tables")) {
        plan->small = g_ptr_array_new_with_free_func(g_free);
        get_strings(reader, object, "small_tables", plan->small);
    }
    for (guint i = 0; steps != NULL && i < json_array_get_length(steps) && reader->missing == NULL; i++) {
        JsonObject *item = get_element(reader, steps, i, "steps");
        Step *step = item != NULL ? get_step(reader, item) : NULL;

        if (step == NULL)
            continue;
        g_ptr_array_add(plan->steps, step);
        if (step->id != (int)plan->steps->len)
            reader->missing = "id";
    }
    if (plan->migration == NULL || plan->source == NULL || plan->search_path == NULL || plan->path == NULL ||
        plan->time_zone == NULL || plan->date_style == NULL)
        reader->missing = "migration, file, source or a setting";
}

static gboolean
check_format(JsonNode *root, const char *where, GError **error)
{
    gint64 format = -1;

    if (root != NULL && JSON_NODE_HOLDS_OBJECT(root) &&
        holds(json_object_get_member(json_node_get_object(root), "pgseam_plan"), G_TYPE_INT64))
        format = json_object_get_int_member(json_node_get_object(root), "pgseam_plan");
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
