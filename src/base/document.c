#include "base/document.h"

void
document_put_text(JsonBuilder *builder, const char *key, const char *value)
{
    json_builder_set_member_name(builder, key);
    if (value != NULL)
        json_builder_add_string_value(builder, value);
    else
        json_builder_add_null_value(builder);
}

void
document_put_int(JsonBuilder *builder, const char *key, gint64 value)
{
    json_builder_set_member_name(builder, key);
    json_builder_add_int_value(builder, value);
}

void
document_put_bool(JsonBuilder *builder, const char *key, gboolean value)
{
    json_builder_set_member_name(builder, key);
    json_builder_add_boolean_value(builder, value);
}

void
document_put_known(JsonBuilder *builder, const char *key, double value)
{
    json_builder_set_member_name(builder, key);
    if (value >= 0)
        json_builder_add_double_value(builder, value);
    else
        json_builder_add_null_value(builder);
}

void
document_begin_array(JsonBuilder *builder, const char *key)
{
    json_builder_set_member_name(builder, key);
    json_builder_begin_array(builder);
}

void
document_begin_object(JsonBuilder *builder, const char *key)
{
    json_builder_set_member_name(builder, key);
    json_builder_begin_object(builder);
}

void
document_put_json(JsonBuilder *builder, const char *key, const char *json)
{
    JsonNode *node = json != NULL ? json_from_string(json, NULL) : NULL;

    json_builder_set_member_name(builder, key);
    if (node != NULL)
        json_builder_add_value(builder, node); /* takes it */
    else
        json_builder_add_null_value(builder);
}

void
document_put_texts(JsonBuilder *builder, const char *key, const GPtrArray *texts)
{
    document_begin_array(builder, key);
    for (guint i = 0; i < texts->len; i++)
        json_builder_add_string_value(builder, g_ptr_array_index(texts, i));
    json_builder_end_array(builder);
}

void
document_put_list(JsonBuilder *builder, const char *key, const GPtrArray *items, DocumentPut put)
{
    document_begin_array(builder, key);
    for (guint i = 0; i < items->len; i++)
        put(builder, g_ptr_array_index(items, i));
    json_builder_end_array(builder);
}

char *
document_of_list(const char *key, const GPtrArray *items, DocumentPut put)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    document_put_list(builder, key, items, put);
    json_builder_end_object(builder);
    return document_text(builder);
}

char *
document_text(JsonBuilder *builder)
{
    g_autoptr(JsonNode) root = json_builder_get_root(builder);
    g_autofree char *text = json_to_string(root, TRUE);

    return g_strconcat(text, "\n", NULL);
}
