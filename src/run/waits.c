#include "run/waits.h"

#include <stdlib.h>

#include "base/sqltext.h"
#include "rules/locks.h"
#include "run_queries.h"

static void
wait_free(gpointer data)
{
    LockWait *wait = data;

    g_free(wait->who);
    g_free(wait->state);
    g_free(wait->query);
    g_free(wait->wants);
    g_array_unref(wait->blocked_by);
    g_free(wait);
}

static char *
wants_of(const DbResult *rows, int i)
{
    const char *mode = db_text(rows, i, "mode");
    LockMode known = lock_mode_of_name(mode);
    g_autofree char *relation = NULL;

    if (mode == NULL)
        return NULL;
    if (db_text(rows, i, "name") == NULL)
        return g_strdup_printf("a %s", db_text(rows, i, "locktype"));
    relation = sql_quote_name(db_text(rows, i, "schema"), db_text(rows, i, "name"));
    return g_strdup_printf("%s on %s", known != LOCK_NONE ? lock_mode_name(known) : mode, relation);
}

static LockWait *
read_wait(const DbResult *rows, int i)
{
    LockWait *wait = g_new0(LockWait, 1);
    g_autoptr(GPtrArray) pids = db_array(rows, i, "blocked_by");

    wait->pid = (int)db_int(rows, i, "pid");
    wait->who = g_strdup(db_text(rows, i, "who"));
    wait->state = g_strdup(db_text(rows, i, "state"));
    wait->query = g_strdup(db_text(rows, i, "query"));
    wait->wants = wants_of(rows, i);
    wait->waited_ms = db_int(rows, i, "waited_ms");
    wait->transaction_ms = db_int(rows, i, "transaction_ms");
    wait->blocked_by = g_array_new(FALSE, FALSE, sizeof(int));
    for (guint k = 0; k < pids->len; k++) {
        int pid = atoi(g_ptr_array_index(pids, k));
        g_array_append_val(wait->blocked_by, pid);
    }
    return wait;
}

GPtrArray *
waits_load(DbConn *conn, GError **error)
{
    g_autoptr(DbResult) rows = db_query(conn, QUERY_WAITS, DB_NONE, error);
    GPtrArray *waits;

    if (rows == NULL)
        return NULL;
    waits = g_ptr_array_new_with_free_func(wait_free);
    for (int i = 0; i < db_rows(rows); i++)
        g_ptr_array_add(waits, read_wait(rows, i));
    return waits;
}
