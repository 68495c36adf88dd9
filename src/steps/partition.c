/*
 * partition.detach: DETACH PARTITION ... CONCURRENTLY, outside of any transaction.
 *
 * It commits a first transaction, which hides the partition from the parent, and then waits: for everybody who still
 * uses the parent, then for ACCESS EXCLUSIVE on the partition itself, where others would queue behind it. So it gets a
 * short lock_timeout; what it then leaves is "pending", and DETACH ... FINALIZE under the guard ends it (manual, ALTER
 * TABLE).
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "run/progress.h"
#include "steps/alone.h"
#include "steps/common.h"
#include "steps/ops.h"
#include "steps_queries.h"

typedef struct Detachment {
    gboolean is_attached;
    gboolean is_pending;
    char *check; /* the CHECK that it has left and nobody asked for, or NULL */
} Detachment;

static gboolean
read_detachment(DbConn *conn, const Step *step, Detachment *ret, GError **error)
{
    g_autoptr(DbResult) row = db_query(
        conn, QUERY_PARTITION_STATE,
        DB_ARGS(step_get(step, PARAM_PARTITION_SCHEMA), step_get(step, PARAM_PARTITION), step_get(step, PARAM_CHECK)),
        error);

    *ret = (Detachment){FALSE, FALSE, NULL};
    if (row == NULL)
        return FALSE;
    if (db_rows(row) == 0)
        return TRUE;
    ret->is_attached = db_bool(row, 0, "is_attached");
    ret->is_pending = db_bool(row, 0, "is_pending");
    if (!ret->is_attached)
        ret->check = g_strdup(db_text(row, 0, "check_name"));
    return TRUE;
}

static gboolean
probe_detach(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    Detachment now;

    if (!read_detachment(run->control, step, &now, error))
        return FALSE;
    *ret_state = now.is_pending || now.check != NULL ? STEP_PARTIAL : now.is_attached ? STEP_ABSENT : STEP_PRESENT;
    g_free(now.check);
    return TRUE;
}

static gboolean
finalize(Run *run, const Step *step, GError **error)
{
    return common_run_built(
        run,
        sql_build("ALTER TABLE ? DETACH PARTITION ? FINALIZE", sql_name(step->schema, step->table),
                  sql_name(step_get(step, PARAM_PARTITION_SCHEMA), step_get(step, PARAM_PARTITION))),
        error);
}

static gboolean
drop_check(Run *run, const Step *step, GError **error)
{
    /* Not on another session: it would wait for the lock that this one holds. */
    Detachment now;
    gboolean ok = read_detachment(run->work, step, &now, error);

    if (ok && now.check != NULL)
        ok = common_run_built(
            run,
            sql_build("ALTER TABLE ? DROP CONSTRAINT ?",
                      sql_name(step_get(step, PARAM_PARTITION_SCHEMA), step_get(step, PARAM_PARTITION)),
                      sql_ident(now.check)),
            error);
    g_free(now.check);
    return ok;
}

/* The first transaction of it may wait as little as any other lock of ours; the guard takes the rest from there. */
static gboolean
begin_detach(Run *run, const Step *step, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (alone_run_briefly(run, step->sql, &why))
        return TRUE;
    if (seam_error_has_sqlstate(why, "55P03") || seam_error_has_sqlstate(why, "40P01") ||
        seam_error_has_sqlstate(why, "57014")) {
        progress_say(run->progress, "  %s", why->message);
        return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
}

static gboolean
nothing(Run *run, const Step *step, GError **error)
{
    return TRUE;
}

static gboolean
run_detach(Run *run, const Step *step, GError **error)
{
    gint64 deadline = g_get_monotonic_time() + (gint64)run->options.lock_deadline_s * G_USEC_PER_SEC;
    Detachment now;

    for (;;) {
        gboolean has_check;

        if (!read_detachment(run->control, step, &now, error))
            return FALSE;
        has_check = now.check != NULL;
        g_free(now.check);
        if (!now.is_attached)
            return !has_check || guard_apply(run, step, drop_check, GUARD_NOTE_NOTHING, error);
        if (now.is_pending) {
            if (!guard_apply(run, step, finalize, GUARD_NOTE_NOTHING, error))
                return FALSE;
            continue;
        }
        if (g_get_monotonic_time() > deadline) {
            seam_error_set(error, SEAM_ERROR_LOCK, "could not detach %s within %d s", step_get(step, PARAM_PARTITION),
                           run->options.lock_deadline_s);
            seam_error_hint(error, "see `pgseam locks`; `pgseam resume` tries again");
            return FALSE;
        }
        /* What can be had under the guard is free now: wait without queueing, then begin. */
        if (!guard_apply(run, step, nothing, GUARD_NOTE_NOTHING, error) || !begin_detach(run, step, error))
            return FALSE;
    }
}

static gboolean
verify_detach(Run *run, const Step *step, GError **error)
{
    return common_verify_present(run, step, probe_detach, error);
}

const StepOps step_partition_detach = {probe_detach, run_detach, NULL, verify_detach, NULL};
