#include "base/document.h"
#include "cli/command.h"
#include "run/waits.h"

static void
put_wait(JsonBuilder *builder, gconstpointer item)
{
    const LockWait *wait = item;

    json_builder_begin_object(builder);
    document_put_int(builder, "pid", wait->pid);
    document_put_text(builder, "who", wait->who);
    document_put_text(builder, "state", wait->state);
    document_put_text(builder, "query", wait->query);
    document_put_text(builder, "wants", wait->wants);
    document_put_int(builder, "waited_ms", wait->waited_ms);
    document_put_int(builder, "transaction_ms", wait->transaction_ms);
    document_begin_array(builder, "blocked_by");
    for (guint i = 0; i < wait->blocked_by->len; i++)
        json_builder_add_int_value(builder, g_array_index(wait->blocked_by, int, i));
    json_builder_end_array(builder);
    json_builder_end_object(builder);
}

static char *
to_json(const GPtrArray *waits)
{
    return document_of_list("sessions", waits, put_wait);
}

static void
append_session(GString *out, const LockWait *wait, int depth)
{
    g_autofree char *query = g_strdelimit(g_strdup(wait->query != NULL ? wait->query : ""), "\r\n\t", ' ');

    g_string_append_printf(out, "%*spid %d %s, %s", depth * 4, "", wait->pid, wait->who, wait->state);
    if (wait->wants != NULL)
        g_string_append_printf(out, ", waits %.1f s for %s", (double)wait->waited_ms / 1000, wait->wants);
    else
        g_string_append_printf(out, ", in a transaction for %.1f s", (double)wait->transaction_ms / 1000);
    g_string_append_printf(out, "\n%*s    %s\n", depth * 4, "", query);
}

static gboolean
is_blocked_by(const LockWait *wait, int pid)
{
    for (guint i = 0; i < wait->blocked_by->len; i++) {
        if (g_array_index(wait->blocked_by, int, i) == pid)
            return TRUE;
    }
    return FALSE;
}

/* The tree below a session. A cycle (a deadlock that the server has yet to break) ends at the depth of the list. */
static void
append_victims(GString *out, const GPtrArray *waits, int pid, int depth)
{
    for (guint i = 0; i < waits->len && depth < (int)waits->len; i++) {
        const LockWait *wait = g_ptr_array_index(waits, i);

        if (is_blocked_by(wait, pid)) {
            append_session(out, wait, depth);
            append_victims(out, waits, wait->pid, depth + 1);
        }
    }
}

static char *
to_text(const GPtrArray *waits)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < waits->len; i++) {
        const LockWait *wait = g_ptr_array_index(waits, i);

        if (wait->blocked_by->len == 0) {
            append_session(out, wait, 0);
            append_victims(out, waits, wait->pid, 1);
        }
    }
    if (waits->len == 0)
        g_string_append(out, "nobody waits for a lock\n");
    return g_string_free(out, FALSE);
}

static gboolean
run_locks(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_autoptr(DbConn) conn = db_open(options->target, "pgseam/locks", error);
    g_autoptr(GPtrArray) waits = conn != NULL ? waits_load(conn, error) : NULL;
    g_autofree char *text = NULL;

    if (waits == NULL)
        return FALSE;
    text = common->is_json ? to_json(waits) : to_text(waits);
    command_print(text);
    return TRUE;
}

const Command command_locks = {
    .name = "locks",
    .summary = "show who blocks whom, right now",
    .help = "Shows the sessions of this database that wait for a lock below the ones that make them wait: since when, "
            "for what,\n"
            "and what each is running. Reads catalogs only.\n\n"
            "Example: pgseam locks -d shop",
    .min_args = 0,
    .max_args = 0,
    .run = run_locks,
};
