#include "version/sync_put.h"

void
sync_put(SyncBody *body, char *line)
{
    for (guint i = 0; i < body->depth; i++)
        g_string_append(body->text, "    ");
    g_string_append(body->text, line);
    g_string_append_c(body->text, '\n');
    g_free(line);
}

void
sync_put_branch(SyncBody *body, char *line)
{
    body->depth--;
    sync_put(body, line);
    body->depth++;
}

void
sync_put_end(SyncBody *body)
{
    body->depth--;
    sync_put(body, g_strdup("END IF;"));
}

void
sync_put_if(SyncBody *body, char *line)
{
    sync_put(body, line);
    body->depth++;
}
