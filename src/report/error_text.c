#include "report/error_text.h"

#include "base/document.h"
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

char *
error_to_json(const GError *error)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    document_begin_object(builder, "error");
    document_put_text(builder, "message", error->message);
    document_put_text(builder, "sqlstate", seam_error_get_sqlstate(error));
    document_put_text(builder, "detail", seam_error_get_detail(error));
    document_put_text(builder, "hint", seam_error_get_hint(error));
    document_put_int(builder, "exit_status", seam_error_exit_status(error));
    json_builder_end_object(builder);
    json_builder_end_object(builder);
    return document_text(builder);
}
