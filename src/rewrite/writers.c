#include "rewrite/writers.h"

#include "base/error.h"
#include "base/sqltext.h"
#include "rewrite_queries.h"

#define LOOK_US 1000

gboolean
writers_get_ready(Rewrite *rewrite, GError **error)
{
    if (rewrite->waiter == NULL)
        rewrite->waiter = rewrite_session(rewrite, "writers", error);
    return rewrite->waiter != NULL;
}

/* Should we die, the server ends the wait: at the latest when the budget is spent. */
static gboolean
queue_up(Rewrite *rewrite, GError **error)
{
    g_autofree char *sql =
        sql_build("BEGIN; SET LOCAL lock_timeout = ?; LOCK TABLE ONLY ? IN SHARE ROW EXCLUSIVE MODE; ROLLBACK",
                  sql_int(rewrite->run->options.lock_budget_ms), sql_name(rewrite->schema, rewrite->table));

    return db_send(rewrite->waiter, sql, error);
}

static DbResult *
look(Rewrite *rewrite, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->live_oid);
    g_autofree char *waiter = db_int_text(db_backend_pid(rewrite->waiter));
    g_autofree char *own = db_int_text(db_backend_pid(rewrite->run->work));

    return db_query_kept(rewrite->run->watch, QUERY_TABLE_WRITERS, DB_ARGS(oid, waiter, own), error);
}

gboolean
writers_hold_up(Rewrite *rewrite, gint64 deadline, GError **error)
{
    if (!queue_up(rewrite, error))
        return FALSE;
    for (;;) {
        g_autoptr(DbResult) row = look(rewrite, error);

        if (row == NULL)
            return FALSE;
        if (db_bool(row, 0, "is_queued") && db_text(row, 0, "writers")[0] == '\0')
            return TRUE;
        if (g_get_monotonic_time() > deadline) {
            seam_error_set(error, SEAM_ERROR_LOCK, "those who write to %s.%s have not ended", rewrite->schema,
                           rewrite->table);
            seam_error_detail(error, "%s", db_text(row, 0, "writers"));
            return FALSE;
        }
        g_usleep(LOOK_US);
    }
}

gboolean
writers_check(Rewrite *rewrite, GError **error)
{
    g_autoptr(DbResult) row = look(rewrite, error);

    if (row == NULL)
        return FALSE;
    if (db_text(row, 0, "stuck")[0] == '\0')
        return TRUE;
    seam_error_set(error, SEAM_ERROR_LOCK, "%s", db_text(row, 0, "stuck"));
    return FALSE;
}

void
writers_let_go(Rewrite *rewrite)
{
    if (rewrite->waiter != NULL)
        db_stop(rewrite->waiter);
}
