#include "report/version_use.h"

#include "base/document.h"

/* Seen with the old shape, not since with the new one, and there: maybe idle, so that no look meets them. */
static gboolean
is_old_and_connected(const VersionUser *user)
{
    return user->side == SIDE_OLD && !user->has_moved && user->pids->len > 0;
}

static void
put_user(JsonBuilder *builder, gconstpointer item)
{
    const VersionUser *user = item;

    json_builder_begin_object(builder);
    document_put_text(builder, "side", version_side_name(user->side));
    document_put_text(builder, "role", user->role);
    document_put_text(builder, "application_name", user->application_name);
    document_put_text(builder, "client_addr", user->client_addr);
    document_put_text(builder, "first_seen", user->first_seen);
    document_put_text(builder, "last_seen", user->last_seen);
    document_put_int(builder, "seen_ms_ago", user->ago_ms);
    document_put_int(builder, "times", user->times);
    document_put_text(builder, "last_query", user->query);
    document_begin_array(builder, "pids");
    for (guint i = 0; i < user->pids->len; i++)
        json_builder_add_int_value(builder, g_ascii_strtoll(g_ptr_array_index(user->pids, i), NULL, 10));
    json_builder_end_array(builder);
    document_put_bool(builder, "connected", is_old_and_connected(user));
    document_put_bool(builder, "moved", user->has_moved);
    json_builder_end_object(builder);
}

char *
version_use_to_json(const VersionEntry *version, const GPtrArray *users)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    document_put_text(builder, "version", version->name);
    document_put_text(builder, "migration", version->migration);
    document_put_text(builder, "state", state_name(version->state));
    document_put_list(builder, "users", users, put_user);
    json_builder_end_object(builder);
    return document_text(builder);
}

char *
version_use_to_text(const VersionEntry *version, const GPtrArray *users)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "%s: migration %s, %s\n", version->name, version->migration,
                           state_name(version->state));
    for (guint i = 0; i < users->len; i++) {
        const VersionUser *user = g_ptr_array_index(users, i);
        g_autofree char *line = version_user_describe(user);

        g_string_append_printf(out, "  %s  %s%s\n", version_side_name(user->side), line,
                               user->has_moved ? " (seen on the other side since)" : "");
    }
    if (users->len == 0)
        g_string_append(out, "  nobody was seen\n");
    return g_string_free(out, FALSE);
}
