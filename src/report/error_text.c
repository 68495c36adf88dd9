#include "report/error_text.h"

#include <json-glib/json-glib.h>

#include "base/error.h"

char *
error_to_text(const GError *error)
{
    const char *sqlstate = seam_error_get_sqlstate(error);
    const char *detail = seam_error_get_detail(error);
    const char *hint = seam_error_get_hint(error);
    GString *out = g_string_new("pgseam: ");

    g_string_append(out, error->message);
    if (sqlstate != NULL)
        g_string_append_printf(out, " (SQLSTATE %s)", sqlstate);
    g_string_append_c(out, '\n');
    if (detail != NULL)
        g_string_append_printf(out, "%s\n", detail);
    if (hint != NULL)
        g_string_append_printf(out, "hint: %s\n", hint);
    return g_string_free(out, FALSE);
}

static void
put_text(JsonBuilder *builder, const char *key, const char *value)
{
    json_builder_set_member_name(builder, key);
    if (value != NULL)
        json_builder_add_string_value(builder, value);
    else
        json_builder_add_null_value(builder);
}

char *
error_to_json(const GError *error)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *text = NULL;

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "error");
    json_builder_begin_object(builder);
    put_text(builder, "message", error->message);
    put_text(builder, "sqlstate", seam_error_get_sqlstate(error));
    put_text(builder, "detail", seam_error_get_detail(error));
    put_text(builder, "hint", seam_error_get_hint(error));
    json_builder_set_member_name(builder, "exit_status");
    json_builder_add_int_value(builder, seam_error_exit_status(error));
    json_builder_end_object(builder);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    text = json_to_string(root, TRUE);
    return g_strconcat(text, "\n", NULL);
}
