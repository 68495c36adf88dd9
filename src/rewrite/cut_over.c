#include "rewrite/cut_over.h"

#include "base/error.h"
#include "base/sqltext.h"
#include "rewrite/apply.h"
#include "rewrite/build.h"
#include "rewrite/capture.h"
#include "rewrite/dirty.h"
#include "rewrite/snapshots.h"
#include "rewrite/swap.h"
#include "rewrite/trigger.h"
#include "rewrite/writers.h"
#include "rewrite_queries.h"
#include "run/fault.h"
#include "run/guard.h"
#include "run/journal.h"
#include "run/progress.h"
#include "run/throttle.h"

#define POSTPONED_MS 100
#define CLOSE_ENOUGH 200 /* dirty keys with which the lock is taken */

/* Under the lock: what is left, in a part of the budget; too much of it means another attempt, and nothing is lost. It
 * is committed before the exchange, so that snapshots from then on see it; but under ACCESS EXCLUSIVE only the session
 * that has the lock can do it, another one of ours would wait for it. */
static gboolean
drain(Rewrite *rewrite, gint64 deadline, GError **error)
{
    const Flow *flow = rewrite_flow(rewrite, error);
    int taken = 1;

    while (flow != NULL && taken > 0) {
        if (g_get_monotonic_time() > deadline) {
            seam_error_set(error, SEAM_ERROR_LOCK, "more rows have changed than can be applied under the lock");
            return FALSE;
        }
        if (rewrite->run->is_locked_first
                ? !apply_locked(rewrite, flow, rewrite->run->work, &taken, error)
                : !apply_within(rewrite, flow, rewrite->run->options.lock_budget_ms / 2, &taken, error))
            return FALSE;
    }
    return flow != NULL;
}

/* Forward, the stream must have brought all that is committed; the reverse capture is the application's own. */
static gboolean
sync_capture(Rewrite *rewrite, gint64 deadline, GError **error)
{
    gboolean is_synced = TRUE;
    int limit_ms = (int)MAX(10, (deadline - g_get_monotonic_time()) / 1000);

    if (!rewrite->is_swapped && !capture_ops(rewrite->capture_kind)->sync(rewrite, limit_ms, &is_synced, error))
        return FALSE;
    if (!is_synced)
        seam_error_set(error, SEAM_ERROR_LOCK, "the last changes did not arrive within %d ms", limit_ms);
    return is_synced;
}

/* The migration's steps are about whatever has the name. */
static gboolean
note_swapped(Rewrite *rewrite, gint64 begun, GError **error)
{
    g_autofree char *id = db_int_text(rewrite->run->migration);
    g_autofree char *name = rewrite_source_name(rewrite);
    g_autofree char *assignments = rewrite->is_swapped ? g_strdup("is_swapped = false, swap_ms = NULL")
                                                       : sql_build("is_swapped = true, swap_ms = ?",
                                                                   sql_int((g_get_monotonic_time() - begun) / 1000));

    return db_run(
               rewrite->run->work,
               "UPDATE pgseam.step SET relation_oid = pg_catalog.to_regclass($2) WHERE migration_id = $1::bigint AND "
               "relation = $2",
               DB_ARGS(id, name), error) &&
           rewrite_note(rewrite, rewrite->run->work, assignments, error);
}

/* So much of the lock budget later than the attempt began, in monotonic microseconds. */
static gint64
moment(const Rewrite *rewrite, int tenths)
{
    return rewrite->settled_since + (gint64)rewrite->run->options.lock_budget_ms * 100 * tenths;
}

/* In the guard's transaction, which holds what nobody feels: writers wait, readers do not. */
static gboolean
settle(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);

    if (rewrite == NULL)
        return FALSE;
    rewrite->settled_since = g_get_monotonic_time();
    return (run->is_locked_first || writers_hold_up(rewrite, moment(rewrite, 2), error)) &&
           sync_capture(rewrite, moment(rewrite, 5), error) && drain(rewrite, moment(rewrite, 5), error) &&
           fault_point(run, "rewrite.swap.drained", error) &&
           (rewrite->is_swapped || rewrite_check_witness(rewrite, run->work, error)) &&
           snapshots_pass(rewrite, moment(rewrite, 7), error) &&
           (run->is_locked_first || writers_check(rewrite, error));
}

/* Whoever had read when the lock was asked for was let through to write (writers.h). */
static gboolean
is_still_settled(Rewrite *rewrite, GError **error)
{
    const Flow *flow = rewrite_flow(rewrite, error);
    gint64 keys = 0;

    if (flow == NULL || !sync_capture(rewrite, moment(rewrite, 7), error) ||
        !dirty_count(rewrite, flow, 1, &keys, error))
        return FALSE;
    if (keys > 0)
        seam_error_set(error, SEAM_ERROR_LOCK, "rows have changed while the lock was awaited");
    return keys == 0;
}

/* The same transaction, with all locks. */
static gboolean
exchange(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);
    gint64 begun;

    if (rewrite == NULL || (!run->is_locked_first && !is_still_settled(rewrite, error)))
        return FALSE;
    begun = rewrite->settled_since;
    /* What begins late is not finished within the budget: the application would have waited for nothing. */
    if ((g_get_monotonic_time() - begun) / 1000 > run->options.lock_budget_ms * 3 / 4) {
        seam_error_set(error, SEAM_ERROR_LOCK, "too little of the lock budget is left for the exchange");
        return FALSE;
    }
    if (rewrite->is_swapped)
        return swap_catalog(rewrite, SWAP_BACK, error) && note_swapped(rewrite, begun, error);
    return swap_catalog(rewrite, SWAP_FORWARD, error) &&
           (rewrite_is_one_way(rewrite) || capture_start_reverse(rewrite, run->work, error)) &&
           note_swapped(rewrite, begun, error);
}

static gboolean
lock_views(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);

    return rewrite != NULL &&
           swap_lock_views(rewrite, run->work, rewrite->is_swapped ? SWAP_BACK : SWAP_FORWARD, error);
}

static void
let_go(Run *run, const Step *step)
{
    Rewrite *rewrite = rewrite_of(run, step, NULL);

    if (rewrite != NULL)
        writers_let_go(rewrite);
}

/* Without any lock, before each attempt: nearly nothing is left to do, and nobody would see the table half full. */
static gboolean
get_close(Run *run, const Step *step, GError **error)
{
    Rewrite *rewrite = rewrite_of(run, step, error);
    const Flow *flow = rewrite != NULL ? rewrite_flow(rewrite, error) : NULL;
    SnapshotMark mark = {NULL, NULL};
    gboolean ok;

    if (flow == NULL || !writers_get_ready(rewrite, error) || !apply_until(rewrite, flow, CLOSE_ENOUGH, FALSE, error))
        return FALSE;
    ok = snapshots_mark(rewrite, &mark, error) && snapshots_wait(rewrite, &mark, error) &&
         swap_warm(rewrite, rewrite->is_swapped ? SWAP_BACK : SWAP_FORWARD, error) &&
         apply_until(rewrite, flow, CLOSE_ENOUGH, FALSE, error);
    snapshot_mark_clear(&mark);
    return ok && swap_warm(rewrite, rewrite->is_swapped ? SWAP_BACK : SWAP_FORWARD, error);
}

/* The plan's locks, and those of what hangs on the table by now. */
static gboolean
exchange_guarded(Rewrite *rewrite, const Step *step, GError **error)
{
    static const GuardEntry entry = {get_close, settle, lock_views, exchange, let_go};
    Run *run = rewrite->run;
    Step *locked = step_new(step->phase, step->kind, step->schema, step->table);
    gboolean ok;

    locked->id = step->id;
    step_set(locked, PARAM_REWRITE, rewrite->name);
    step_add_lock(locked, step->schema, step->table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
    ok = swap_add_locks(rewrite, run->control, rewrite->is_swapped ? SWAP_BACK : SWAP_FORWARD, locked, error) &&
         guard_apply_entering(run, locked, &entry, error);
    step_free(locked);
    return ok;
}

/* --postpone-cut-over, until `pgseam cut-over`. */
static gboolean
wait_for_permission(Rewrite *rewrite, GError **error)
{
    Run *run = rewrite->run;
    gboolean is_told = FALSE;

    for (;;) {
        const Flow *flow = rewrite_flow(rewrite, error);

        if (flow == NULL || !throttle_refresh(run, error))
            return FALSE;
        if (!run->options.postpones_cut_over)
            return !is_told || journal_set_reason(run->control, run->migration, NULL, error);
        if (!is_told) {
            progress_say(run->progress, "  the cut-over is postponed; `pgseam cut-over` lets it happen");
            if (!rewrite_note_phase(rewrite, "postponed", error) ||
                !journal_set_reason(run->control, run->migration, "the cut-over is postponed: `pgseam cut-over`",
                                    error))
                return FALSE;
            is_told = TRUE;
        }
        if (!apply_until(rewrite, flow, CLOSE_ENOUGH, TRUE, error) || !run_sleep(run, POSTPONED_MS, error))
            return FALSE;
    }
}

static gboolean
remove_forward(Rewrite *rewrite, const Step *step, GError **error)
{
    if (!rewrite->is_capturing)
        return TRUE;
    if (!capture_ops(rewrite->capture_kind)->remove(rewrite, step, error) ||
        !rewrite_note(rewrite, rewrite->run->control, "is_capturing = false", error))
        return FALSE;
    rewrite->is_capturing = FALSE;
    return TRUE;
}

gboolean
cut_over(Rewrite *rewrite, const Step *step, GError **error)
{
    Run *run = rewrite->run;

    if (!rewrite->is_swapped) {
        if (!wait_for_permission(rewrite, error) || !rewrite_note_phase(rewrite, "cut-over", error) ||
            !rewrite_reload(rewrite, error) || !rewrite_check(rewrite, error) ||
            !swap_check(rewrite, run->control, error) || !build_new_indexes(rewrite, error) ||
            !get_close(run, step, error) || !exchange_guarded(rewrite, step, error) || !rewrite_reload(rewrite, error))
            return FALSE;
        progress_say(run->progress, "  %s.%s is the new table", rewrite->schema, rewrite->table);
    }
    return fault_point(run, "rewrite.swap.done", error) && remove_forward(rewrite, step, error) &&
           cut_over_validate(rewrite, step, FALSE, error) && rewrite_note_phase(rewrite, "swapped", error);
}

gboolean
cut_back(Rewrite *rewrite, const Step *step, GError **error)
{
    if (rewrite->is_swapped) {
        const Flow *flow = rewrite_flow(rewrite, error);

        progress_say(rewrite->run->progress, "  bringing the old table up to date");
        if (flow == NULL || !rewrite_note_phase(rewrite, "cut-back", error) ||
            !apply_until(rewrite, flow, CLOSE_ENOUGH, FALSE, error) || !exchange_guarded(rewrite, step, error) ||
            !rewrite_reload(rewrite, error))
            return FALSE;
    }
    g_clear_pointer(&rewrite->forward, flow_free);
    g_clear_pointer(&rewrite->reverse, flow_free);
    return capture_remove_reverse(rewrite, step, FALSE, error) && cut_over_validate(rewrite, step, TRUE, error);
}

/* ALTER TABLE ... VALIDATE CONSTRAINT locks both tables so that reads and writes pass. */
static gboolean
validate(Run *run, const Step *step, GError **error)
{
    return db_run(run->work, step->sql, DB_NONE, error);
}

/* The plan has a step of its own that proves it. */
static gboolean
is_planned(const Plan *plan, const char *schema, const char *table, const char *name)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(plan->steps, i);

        if (step->kind == STEP_FOREIGN_KEY_VALIDATE && step_is_of(step, schema, table) &&
            g_strcmp0(step_get(step, PARAM_CONSTRAINT), name) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
prove(Rewrite *rewrite, const Step *step, const DbResult *rows, int i, GError **error)
{
    const char *schema = db_text(rows, i, "schema");
    const char *table = db_text(rows, i, "table");
    Step *one = step_new(step->phase, step->kind, schema, table);
    gboolean ok;

    one->id = step->id;
    one->sql =
        sql_build("ALTER TABLE ? VALIDATE CONSTRAINT ?", sql_name(schema, table), sql_ident(db_text(rows, i, "name")));
    step_add_lock(one, schema, table, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_SCAN, TRUE);
    ok = guard_apply_long(rewrite->run, one, validate, GUARD_NOTE_NOTHING, error);
    step_free(one);
    return ok;
}

static DbResult *
read_unproven(Rewrite *rewrite, GError **error)
{
    g_autofree char *id = db_int_text(rewrite->run->migration);
    g_autofree char *name = rewrite_source_name(rewrite);

    return db_query(rewrite->run->control, QUERY_UNPROVEN_KEYS, DB_ARGS(id, rewrite->name, name), error);
}

gboolean
cut_over_is_unproven(Rewrite *rewrite, gboolean *ret_unproven, GError **error)
{
    g_autoptr(DbResult) rows = read_unproven(rewrite, error);

    *ret_unproven = rows != NULL && db_rows(rows) > 0;
    return rows != NULL;
}

gboolean
cut_over_validate(Rewrite *rewrite, const Step *step, gboolean is_with_planned, GError **error)
{
    g_autoptr(DbResult) rows = read_unproven(rewrite, error);

    if (rows == NULL)
        return FALSE;
    for (int i = 0; i < db_rows(rows); i++) {
        if (!is_with_planned && is_planned(rewrite->run->plan, db_text(rows, i, "schema"), db_text(rows, i, "table"),
                                           db_text(rows, i, "name")))
            continue;
        if (!prove(rewrite, step, rows, i, error))
            return FALSE;
    }
    return TRUE;
}
