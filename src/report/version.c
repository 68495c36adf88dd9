#include "report/version.h"

#include "base/document.h"

/* libpq's "options", where a blank within a value is written "\ " (manual, PQconnectdbParams); one behind a comma can
 * be left out. The caller frees. */
static char *
options_of(const VersionEntry *version)
{
    GString *out = g_string_new("-csearch_path=");
    gboolean is_quoted = FALSE;

    for (const char *c = version->search_path; *c != '\0'; c++) {
        is_quoted ^= *c == '"';
        if (*c == ' ' && !is_quoted)
            continue;
        if (*c == ' ' || *c == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *c);
    }
    return g_string_free(out, FALSE);
}

static char *
url_options_of(const VersionEntry *version)
{
    g_autofree char *options = options_of(version);
    g_autofree char *escaped = g_uri_escape_string(options, NULL, FALSE);

    return g_strconcat("options=", escaped, NULL);
}

static void
put_version(JsonBuilder *builder, gconstpointer item)
{
    const VersionEntry *version = item;
    g_autofree char *options = options_of(version);
    g_autofree char *url_options = url_options_of(version);

    json_builder_begin_object(builder);
    document_put_text(builder, "name", version->name);
    document_put_text(builder, "migration", version->migration);
    document_put_text(builder, "state", state_name(version->state));
    document_put_text(builder, "schema", version->name);
    document_put_bool(builder, "pinned", version->is_pinned);
    document_put_text(builder, "search_path", version->search_path);
    document_put_text(builder, "options", options);
    document_put_text(builder, "url_options", url_options);
    document_put_texts(builder, "views", version->views);
    json_builder_end_object(builder);
}

char *
version_to_json(const GPtrArray *versions)
{
    return document_of_list("versions", versions, put_version);
}

char *
version_to_text(const GPtrArray *versions)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < versions->len; i++) {
        const VersionEntry *version = g_ptr_array_index(versions, i);
        g_autofree char *url_options = url_options_of(version);

        g_string_append_printf(
            out, "%s: migration %s, %s%s\n  set:    search_path = %s\n  in URL: %s\n  views:  ", version->name,
            version->migration, state_name(version->state),
            version->is_pinned ? ", pinned: the tables as they were then" : "", version->search_path, url_options);
        for (guint k = 0; k < version->views->len; k++)
            g_string_append_printf(out, "%s%s", k > 0 ? ", " : "", (const char *)g_ptr_array_index(version->views, k));
        g_string_append(out, version->views->len > 0 ? "\n" : "none\n");
    }
    if (versions->len == 0)
        g_string_append(out, "no version is there: a file makes one with the line `-- pgseam: version NAME`\n");
    return g_string_free(out, FALSE);
}

char *
version_to_url(const VersionEntry *version)
{
    g_autofree char *url_options = url_options_of(version);

    return g_strconcat(url_options, "\n", NULL);
}
