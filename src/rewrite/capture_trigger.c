/*
 * Capture by triggers: the application's own transaction logs the keys. No slot, no privilege but to own the table;
 * costs each write one more insert.
 *
 * CREATE TRIGGER takes SHARE ROW EXCLUSIVE, so it has waited for everybody who has written to the table, and a lock is
 * released only after the commit is visible: each later snapshot sees what the triggers have not logged. What they log
 * is visible exactly when the change is.
 */
#include "base/sqltext.h"
#include "rewrite/capture.h"
#include "rewrite/trigger.h"
#include "run/guard.h"

static gboolean
check(Rewrite *rewrite, char **ret_why, GError **error)
{
    *ret_why = NULL;
    return TRUE;
}

static gboolean
create(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);

    return rewrite != NULL && trigger_create(rewrite, &trigger_forward, run->work, error) &&
           rewrite_note(rewrite, run->work, "is_capturing = true", error);
}

static gboolean
start(Rewrite *rewrite, const Step *step, GError **error)
{
    gboolean exists;

    if (!trigger_exists(rewrite, &trigger_forward, &exists, error) ||
        (!exists && !guard_apply(rewrite->run, step, create, GUARD_NOTE_NOTHING, error)))
        return FALSE;
    rewrite->is_capturing = TRUE;
    return TRUE;
}

static gboolean
open_nothing(Rewrite *rewrite, GError **error)
{
    return TRUE;
}

static gboolean
sync_at_once(Rewrite *rewrite, int timeout_ms, gboolean *ret_synced, GError **error)
{
    *ret_synced = TRUE;
    return TRUE;
}

static gboolean
take_truncate(Rewrite *rewrite, DbConn *conn, gboolean *ret_truncated, GError **error)
{
    return trigger_take_truncate(rewrite, &trigger_forward, conn, ret_truncated, error);
}

static gboolean
remove_triggers(Rewrite *rewrite, const Step *step, GError **error)
{
    return trigger_remove(rewrite, &trigger_forward, step, !rewrite->is_swapped, error);
}

static char *
describe(Rewrite *rewrite)
{
    return NULL;
}

static void
close_nothing(Rewrite *rewrite)
{
}

const CaptureOps capture_trigger = {
    "trigger",    check,         start,           open_nothing, open_nothing,
    sync_at_once, take_truncate, remove_triggers, describe,     close_nothing,
};
