/*
 * A plan out and in again; documents that are damaged; drift.
 */
#include <json-glib/json-glib.h>
#include <string.h>

#include "base/error.h"
#include "fixture.h"
#include "plan/plan_json.h"
#include "plan/plan_text.h"

static const char big_file[] = "-- ä: \"everything\" in one\n"
                               "ALTER TABLE users ADD age int DEFAULT 18, ADD \"Odd\tname\" text;\n"
                               "CREATE TABLE new (a int);\n"
                               "UPDATE users SET age = 18, \"Odd\tname\" = 'ö\\\"''\x01' WHERE age IS NULL;\n"
                               "UPDATE pair SET c = lower(c) WHERE c <> 'x';\n"
                               "CREATE UNIQUE INDEX ON users (email);\n"
                               "ALTER TABLE users ALTER age SET NOT NULL, ALTER n SET DEFAULT 5;\n"
                               "-- pgseam: allow opaque because 1 < 2 & it is \"ours\"\n"
                               "GRANT SELECT ON users TO x;\n"
                               "DROP INDEX users_email_idx;\n"
                               "ALTER TABLE orders DROP user_id;\n";

/* The file again, with the opaque statement before what contracts. */
static char *
big_json(void)
{
    g_auto(GStrv) lines = g_strsplit(big_file, "\n", -1);
    g_autoptr(GString) sql = g_string_new(NULL);
    static const int order[] = {0, 1, 2, 3, 7, 8, 4, 5, 6, 9, 10};
    g_autoptr(Plan) plan = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(order); i++)
        g_string_append_printf(sql, "%s\n", lines[order[i]]);
    plan = must_plan(NULL, sql->str);
    g_assert_cmpuint(plan->steps->len, >, 12);
    return plan_to_json(plan);
}

static void
test_round_trip(void)
{
    g_autofree char *first = big_json();
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = plan_from_json(first, "m.plan", &error);
    g_autofree char *second = NULL;

    g_assert_no_error(error);
    second = plan_to_json(plan);
    g_assert_cmpstr(second, ==, first);
    g_assert_true(g_str_has_suffix(first, "}\n"));
    g_assert_true(g_utf8_validate(first, -1, NULL));
}

/* What runs is the same, step by step, and so is what people read. */
static void
test_nothing_is_lost(void)
{
    g_autoptr(Plan) plan = must_plan(NULL, "ALTER TABLE users ADD a int; UPDATE users AS u SET a = 1 WHERE a IS NULL; "
                                           "ALTER TABLE orders DROP user_id; ALTER TABLE users ALTER a SET NOT NULL");
    g_autofree char *json = plan_to_json(plan);
    g_autoptr(Plan) again = plan_from_json(json, "m.plan", NULL);
    g_autofree char *text = plan_to_text(plan);
    g_autofree char *text_again = plan_to_text(again);

    g_assert_cmpstr(text, ==, text_again);
    g_assert_cmpstr(again->search_path, ==, plan->search_path);
    g_assert_cmpstr(again->date_style, ==, "ISO, DMY");
    g_assert_cmpstr(again->time_zone, ==, "Europe/Berlin");
    g_assert_cmpuint(again->facts->len, ==, plan->facts->len);
    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *a = g_ptr_array_index(plan->steps, i);
        const Step *b = g_ptr_array_index(again->steps, i);

        g_assert_cmpstr(a->sql, ==, b->sql);
        g_assert_cmpuint(g_hash_table_size(a->params), ==, g_hash_table_size(b->params));
        g_assert_cmpuint(a->key->len, ==, b->key->len);
        g_assert_cmpuint(a->locks->len, ==, b->locks->len);
        for (guint k = 0; k < a->locks->len; k++)
            g_assert_cmpint(((const StepLock *)g_ptr_array_index(a->locks, k))->is_owned, ==,
                            ((const StepLock *)g_ptr_array_index(b->locks, k))->is_owned);
    }
}

static void
assert_damaged(const char *json, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = plan_from_json(json, "m.plan", &error);

    if (plan != NULL || strstr(error->message, message) == NULL)
        g_test_message("%s: %s", message, plan != NULL ? "was read" : error->message);
    g_assert_null(plan);
    g_assert_true(seam_error_is(error, SEAM_ERROR_REFUSED));
    g_assert_nonnull(strstr(error->message, message));
    g_assert_nonnull(strstr(error->message, "m.plan"));
}

/* The document with one text replaced. */
static char *
edited(const char *json, const char *old, const char *new)
{
    const char *at = strstr(json, old);

    g_assert_nonnull(at);
    return g_strdup_printf("%.*s%s%s", (int)(at - json), json, new, at + strlen(old));
}

static void
assert_edit_is_damage(const char *json, const char *old, const char *new, const char *message)
{
    g_autofree char *text = edited(json, old, new);

    g_test_message("%s -> %s", old, new);
    assert_damaged(text, message);
}

static void
test_other_documents(void)
{
    g_autofree char *json = big_json();

    assert_damaged("", "is not a plan");
    assert_damaged("{", "is not a plan");
    assert_damaged("[]", "is not a plan");
    assert_damaged("{}", "is not a plan");
    assert_damaged("null", "is not a plan");
    assert_damaged("{\"pgseam_plan\": null}", "is not a plan");
    assert_damaged("{\"pgseam_plan\": [1]}", "is not a plan");
    assert_damaged("{\"pgseam_plan\": 1}", "is damaged");
    assert_edit_is_damage(json, "\"pgseam_plan\" : 1", "\"pgseam_plan\" : 2", "is a plan of format 2");
    assert_edit_is_damage(json, "\"pgseam_plan\" : 1", "\"other\" : 1", "is not a plan");
}

static void
test_edited_source(void)
{
    g_autofree char *json = big_json();

    assert_edit_is_damage(json, "\"source\" : \"-- ", "\"source\" : \"--  ", "has been edited");
    assert_edit_is_damage(json, "\"source_sha256\" : \"", "\"source_sha256\" : \"0", "has been edited");
}

/* Each member of the document, of a step and of a lock, taken away. */
static void
test_missing_members(void)
{
    static const char *const needed[] = {
        "migration", "file",   "tool_version", "server_version", "search_path", "time_zone", "date_style",
        "steps",     "notes",  "facts",        "source_sha256",  "source",      "id",        "phase",
        "kind",      "sql",    "why",          "line",           "rows",        "locks",     "key",
        "key_types", "params", "mode",         "hold",           "schema",      "table"};
    g_autofree char *json = big_json();

    for (guint i = 0; i < G_N_ELEMENTS(needed); i++) {
        g_autofree char *old = g_strdup_printf("\"%s\" : ", needed[i]);
        g_autofree char *new = g_strdup_printf("\"x%s\" : ", needed[i]);

        assert_edit_is_damage(json, old, new, "m.plan");
    }
}

static void
replace_member(JsonObject *object, const char *key, const char *value)
{
    JsonNode *node = json_from_string(value, NULL);

    g_assert_true(json_object_has_member(object, key));
    json_object_set_member(object, key, node);
}

typedef struct Wrong {
    int depth; /* 0: document, 1: first backfill step, 2: its first lock */
    const char *key;
    const char *value;
} Wrong;

static const Wrong wrong_types[] = {
    {0, "migration", "5"},
    {0, "migration", "null"},
    {0, "steps", "{}"},
    {0, "steps", "[5]"},
    {0, "steps", "[null]"},
    {0, "notes", "null"},
    {0, "notes", "[null]"},
    {0, "facts", "[5]"},
    {0, "search_path", "null"},
    {0, "source", "[]"},
    {0, "server_version", "\"x\""},
    {0, "server_version", "null"},
    {0, "server_version", "[]"},
    {0, "time_zone", "null"},
    {0, "date_style", "null"},
    {1, "kind", "\"column.fly\""},
    {1, "kind", "null"},
    {1, "phase", "\"gate\""},
    {1, "sql", "null"},
    {1, "sql", "5"},
    {1, "locks", "null"},
    {1, "locks", "[null]"},
    {1, "locks", "[[]]"},
    {1, "key", "\"id\""},
    {1, "params", "[]"},
    {1, "params", "null"},
    {1, "params", "{\"a\": []}"},
    {1, "params", "{\"a\": 5}"},
    {1, "params", "{\"a\": {}}"},
    {1, "id", "\"x\""},
    {1, "id", "null"},
    {1, "id", "[]"},
    {1, "line", "\"x\""},
    {1, "rows", "{}"},
    {1, "why", "null"},
    {1, "key", "[]"},
    {1, "key_types", "[]"},
    {1, "schema", "null"},
    {1, "table", "null"},
    {1, "id", "99"},
    {2, "mode", "\"SOFT\""},
    {2, "mode", "null"},
    {2, "schema", "null"},
    {2, "table", "5"},
    {2, "hold", "\"for ever\""},
    {2, "owned", "\"yes\""},
    {2, "owned", "[]"},
};

static JsonObject *
object_at(JsonNode *root, int depth)
{
    JsonObject *object = json_node_get_object(root);
    JsonArray *steps = json_object_get_array_member(object, "steps");

    if (depth == 0)
        return object;
    for (guint i = 0; i < json_array_get_length(steps); i++) {
        JsonObject *step = json_array_get_object_element(steps, i);

        if (strcmp(json_object_get_string_member(step, "kind"), "backfill.update") != 0)
            continue;
        return depth == 1 ? step : json_array_get_object_element(json_object_get_array_member(step, "locks"), 0);
    }
    g_assert_not_reached();
}

static void
test_wrong_types(void)
{
    g_autofree char *json = big_json();
    guint missed = 0;

    for (guint i = 0; i < G_N_ELEMENTS(wrong_types); i++) {
        g_autoptr(JsonNode) root = json_from_string(json, NULL);
        g_autofree char *text = NULL;
        g_autoptr(Plan) plan = NULL;

        replace_member(object_at(root, wrong_types[i].depth), wrong_types[i].key, wrong_types[i].value);
        text = json_to_string(root, FALSE);
        plan = plan_from_json(text, "m.plan", NULL);
        if (plan != NULL) {
            g_test_message("read with %s = %s", wrong_types[i].key, wrong_types[i].value);
            missed++;
        }
    }
    g_assert_cmpuint(missed, ==, 0);
}

/* Bytes changed, taken away and put in: read or refused, nothing else. */
static void
test_mutations(void)
{
    static const char alphabet[] = "{}[]\",:0a-e\\u\x80 ";
    g_autofree char *json = big_json();
    GRand *random = g_rand_new_with_seed(20240602);

    for (int i = 0; i < 3000; i++) {
        g_autoptr(GString) text = g_string_new(json);
        g_autoptr(GError) error = NULL;
        g_autoptr(Plan) plan = NULL;

        for (int k = g_rand_int_range(random, 1, 4); k > 0; k--) {
            gssize at;

            if (text->len < 40)
                break;
            at = g_rand_int_range(random, 0, (gint)text->len - 20);

            switch (g_rand_int_range(random, 0, 4)) {
                case 0:
                    text->str[at] = alphabet[g_rand_int_range(random, 0, sizeof(alphabet) - 1)];
                    break;
                case 1:
                    g_string_erase(text, at, g_rand_int_range(random, 1, 12));
                    break;
                case 2:
                    g_string_insert_c(text, at, alphabet[g_rand_int_range(random, 0, sizeof(alphabet) - 1)]);
                    break;
                default:
                    if (i % 50 == 0)
                        g_string_truncate(text, (gsize)at);
                    break;
            }
        }
        plan = plan_from_json(text->str, "m.plan", &error);
        g_assert_true((plan == NULL) == (error != NULL));
        if (plan != NULL) {
            g_autofree char *out = plan_to_json(plan);
            g_autofree char *people = plan_to_text(plan);
            g_assert_nonnull(out);
            g_assert_nonnull(people);
        }
    }
    g_rand_free(random);
}

static GPtrArray *
lines_of(const char *text)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(text, "|", -1);

    for (guint i = 0; parts[i] != NULL && parts[i][0] != '\0'; i++)
        g_ptr_array_add(list, g_strdup(parts[i]));
    return list;
}

static void
assert_drift(const char *planned, const char *actual, const char *expected)
{
    g_autoptr(GPtrArray) before = lines_of(planned);
    g_autoptr(GPtrArray) after = lines_of(actual);
    g_autoptr(GPtrArray) drift = plan_drift(before, after);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < drift->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "|" : "", (const char *)g_ptr_array_index(drift, i));
    g_assert_cmpstr(text->str, ==, expected);
}

static void
test_drift(void)
{
    assert_drift("a|b", "a|b", "");
    assert_drift("a|b", "b|a", "");
    assert_drift("", "", "");
    assert_drift("a|b", "a|c", "- was b|+ is  c");
    assert_drift("a", "", "- was a");
    assert_drift("", "a", "+ is  a");
}

static void
test_fingerprint(void)
{
    g_autoptr(Facts) facts = fixture_shop();
    g_autoptr(Facts) same = fixture_shop();
    g_autoptr(GPtrArray) a = facts_fingerprint(facts);
    g_autoptr(GPtrArray) b = facts_fingerprint(same);
    g_autoptr(GPtrArray) c = NULL;
    g_autoptr(GPtrArray) none = plan_drift(a, b);
    g_autoptr(GPtrArray) some = NULL;
    FactTable *users = (FactTable *)facts_find(same, NULL, "users");

    g_assert_cmpuint(none->len, ==, 0);
    users->rows = 5;
    users->bytes = 5;
    ((FactColumn *)facts_column(users, "n"))->is_not_null = FALSE;
    ((FactIndex *)facts_index(users, "users_email_idx"))->is_valid = FALSE;
    same->server_version = 150099;
    c = facts_fingerprint(same);
    some = plan_drift(a, c);
    g_assert_cmpuint(some->len, ==, 4);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/json/round_trip", test_round_trip);
    g_test_add_func("/plan/json/nothing_is_lost", test_nothing_is_lost);
    g_test_add_func("/plan/json/other_documents", test_other_documents);
    g_test_add_func("/plan/json/edited_source", test_edited_source);
    g_test_add_func("/plan/json/missing_members", test_missing_members);
    g_test_add_func("/plan/json/wrong_types", test_wrong_types);
    g_test_add_func("/plan/json/mutations", test_mutations);
    g_test_add_func("/plan/drift/lines", test_drift);
    g_test_add_func("/plan/drift/fingerprint", test_fingerprint);
    return g_test_run();
}
