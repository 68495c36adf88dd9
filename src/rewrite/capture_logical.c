/*
 * Capture from the log: a slot and a publication, read with pgoutput. Costs the application nothing but the log that is
 * kept; needs wal_level = logical and a role that may replicate.
 *
 * A slot does not survive a failover, nor a server that removes log it has not read (max_slot_wal_keep_size): then
 * changes have been missed, and the copy must begin again.
 *
 * Our own copy is decoded as well, and thrown away by the server, since the publication has the source alone. A
 * replication origin with pgoutput's option origin = 'none' (16) would spare it that, but drops the changes that
 * reached the source by a subscription, too: so it is not used.
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "rewrite/capture.h"
#include "rewrite/follow.h"
#include "rewrite/slot.h"

/* Intent: the name is in the journal before anything is called so. */
static gboolean
note_name(Rewrite *rewrite, GError **error)
{
    g_autoptr(DbResult) row = db_query(rewrite->run->control,
                                       "SELECT oid::text AS oid FROM pg_catalog.pg_database WHERE datname = "
                                       "pg_catalog.current_database()",
                                       DB_NONE, error);
    g_autofree char *name = NULL;
    g_autofree char *assignment = NULL;

    if (row == NULL)
        return FALSE;
    name = slot_name(db_text(row, 0, "oid"), rewrite->run->migration, rewrite->name, rewrite->table);
    if (g_strcmp0(name, rewrite->slot) == 0)
        return TRUE;
    assignment = sql_build("slot = ?", sql_literal(name));
    if (!rewrite_note(rewrite, rewrite->run->control, assignment, error))
        return FALSE;
    g_free(rewrite->slot);
    rewrite->slot = g_steal_pointer(&name);
    return TRUE;
}

static gboolean
make_truncated(Rewrite *rewrite, GError **error)
{
    g_autofree char *table = rewrite_own_name(rewrite, FOLLOW_TRUNCATED);
    g_autofree char *sql = sql_build("CREATE TABLE IF NOT EXISTS ? (seen_at timestamptz NOT NULL DEFAULT "
                                     "pg_catalog.clock_timestamp()) WITH (vacuum_truncate = false)",
                                     sql_raw(table));
    Run *run = rewrite->run;

    if (run_begin(run, 60000, error) && db_run(run->work, sql, DB_NONE, error) && run_commit(run, error))
        return TRUE;
    db_abort(run->work);
    return FALSE;
}

/* What an earlier start left is taken over if it is whole, else made anew. What cannot be finished is taken away. */
static gboolean
make(Rewrite *rewrite, const Step *step, GError **error)
{
    g_auto(SlotState) state = {0};

    if (!slot_look(rewrite, rewrite->run->control, &state, error))
        return FALSE;
    if (state.is_there && state.is_complete && !state.is_lost && state.is_published)
        return TRUE;
    if (slot_remove(rewrite, error) && slot_publish(rewrite, step, error) && slot_make(rewrite, error))
        return TRUE;
    slot_remove(rewrite, NULL);
    return FALSE;
}

static gboolean
open_logical(Rewrite *rewrite, GError **error)
{
    if (rewrite->capture == NULL)
        rewrite->capture = follow_open(rewrite, error);
    return rewrite->capture != NULL;
}

static gboolean
start(Rewrite *rewrite, const Step *step, GError **error)
{
    if (!note_name(rewrite, error) || !make_truncated(rewrite, error) || !make(rewrite, step, error) ||
        !open_logical(rewrite, error) || !slot_barrier(rewrite, error) ||
        !rewrite_note(rewrite, rewrite->run->control, "is_capturing = true", error))
        return FALSE;
    rewrite->is_capturing = TRUE;
    return TRUE;
}

static gboolean
pump(Rewrite *rewrite, GError **error)
{
    return rewrite->capture == NULL || follow_pump(rewrite->capture, error);
}

static gboolean
sync_logical(Rewrite *rewrite, int timeout_ms, gboolean *ret_synced, GError **error)
{
    return open_logical(rewrite, error) && follow_sync(rewrite->capture, timeout_ms, ret_synced, error);
}

static gboolean
take_truncate(Rewrite *rewrite, DbConn *conn, gboolean *ret_truncated, GError **error)
{
    g_autofree char *table = rewrite_own_name(rewrite, FOLLOW_TRUNCATED);
    g_autofree char *sql = sql_build("DELETE FROM ?", sql_raw(table));
    g_autoptr(DbResult) result = db_query(conn, sql, DB_NONE, error);

    if (result != NULL)
        *ret_truncated = db_affected(result) > 0;
    return result != NULL;
}

static void
close_logical(Rewrite *rewrite)
{
    g_clear_pointer(&rewrite->capture, follow_close);
}

static gboolean
remove_logical(Rewrite *rewrite, const Step *step, GError **error)
{
    (void)step;
    close_logical(rewrite);
    if (rewrite->slot == NULL)
        return TRUE;
    if (!slot_remove(rewrite, error) ||
        !rewrite_note(rewrite, rewrite->run->control, "slot = NULL, is_capturing = false", error))
        return FALSE;
    g_clear_pointer(&rewrite->slot, g_free);
    rewrite->is_capturing = FALSE;
    return TRUE;
}

static char *
describe(Rewrite *rewrite)
{
    g_auto(SlotState) state = {0};

    if (rewrite->slot == NULL || !slot_look(rewrite, rewrite->run->control, &state, NULL))
        return NULL;
    if (!state.is_there || state.is_lost)
        return g_strdup_printf("slot %s %s", rewrite->slot, state.is_there ? "is lost" : "is gone");
    return g_strdup_printf("slot %s, %.1f MB behind, keeps %.1f MB of the log", rewrite->slot,
                           (double)state.behind_bytes / 1048576, (double)state.kept_bytes / 1048576);
}

static gboolean
check(Rewrite *rewrite, char **ret_why, GError **error)
{
    return slot_check(rewrite, ret_why, error);
}

const CaptureOps capture_logical = {
    .name = "logical",
    .check = check,
    .start = start,
    .open = open_logical,
    .pump = pump,
    .sync = sync_logical,
    .take_truncate = take_truncate,
    .remove = remove_logical,
    .describe = describe,
    .close = close_logical,
};
