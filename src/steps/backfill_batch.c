/*
 * One batch, its own transaction with its cursor, and what follows when it fails.
 *
 * A batch never waits long for a row: its lock_timeout is far below deadlock_timeout (1 s), so in a deadlock with the
 * application it is always we who give way, and its statement_timeout is the lock budget, so no row is locked for
 * longer. The last run of a walk by blocks has no statement_timeout, but ends when somebody waits for it.
 */
#include "base/error.h"
#include "run/blockers.h"
#include "run/fault.h"
#include "run/guard.h"
#include "run/patience.h"
#include "run/progress.h"
#include "run/throttle.h"
#include "steps/backfill.h"

#define MAX_TIMEOUT_MS   10000
#define BACKOFF_MS       40
#define FAILURES_TO_TELL 5
#define TIMEOUTS_TO_END  5
#define BISECT_BATCHES   64

static void
batch_clear(Batch *batch)
{
    g_clear_pointer(&batch->end, g_ptr_array_unref);
    g_clear_pointer(&batch->values, g_ptr_array_unref);
}

static gboolean
change_rows(Backfill *backfill, Batch *batch, GError **error)
{
    g_autoptr(DbResult) result = NULL;

    if (batch->values == NULL)
        return TRUE;
    result = db_query(backfill->run->work, backfill->step->sql, (int)batch->values->len,
                      (const char *const *)batch->values->pdata, error);
    if (result == NULL)
        return FALSE;
    batch->changed = db_affected(result);
    return TRUE;
}

/* Where the walk stands after the batch. */
static void
advance(const Backfill *backfill, const Batch *batch, Chunk *chunk)
{
    if (batch->end != NULL) {
        g_clear_pointer(&chunk->cursor, g_ptr_array_unref);
        chunk->cursor = g_ptr_array_ref(batch->end);
    }
    chunk->rows_seen += batch->rows;
    chunk->rows_changed += batch->changed;
    chunk->pass_changed += batch->changed;
    chunk->batches++;
    if (batch->ends_pass)
        backfill->walk->turn(backfill, chunk);
}

static Chunk
chunk_copy(const Chunk *chunk)
{
    Chunk copy = *chunk;

    copy.cursor = chunk->cursor != NULL ? g_ptr_array_ref(chunk->cursor) : NULL;
    copy.high = chunk->high != NULL ? g_ptr_array_ref(chunk->high) : NULL;
    return copy;
}

static gboolean
begin_batch(Backfill *backfill, GError **error)
{
    Run *run = backfill->run;
    RunLimits limits = {.idle_ms = MAX(run->options.lock_budget_ms, 100),
                        .lock_ms = run_lock_timeout(run, 2),
                        .statement_ms = backfill->is_whole ? 0 : backfill->timeout_ms};

    return run_begin_limited(run, &limits, error);
}

/* One batch in one transaction. On failure nothing of it is left, and backfill->chunk is as it was. */
static gboolean
do_batch(Backfill *backfill, Batch *batch, GError **error)
{
    Run *run = backfill->run;
    Chunk next = chunk_copy(&backfill->chunk);
    gint64 begun = g_get_monotonic_time();
    gboolean ok = begin_batch(backfill, error) && backfill->walk->next(backfill, batch, error) &&
                  change_rows(backfill, batch, error) && fault_point(run, "batch.work", error);

    if (ok) {
        advance(backfill, batch, &next);
        batch->took_ms = (double)(g_get_monotonic_time() - begun) / 1000;
        ok = journal_put_chunk(run->work, run->migration, backfill->step->id, &next, (gint64)batch->took_ms, error) &&
             fault_point(run, "batch.cursor", error) && run_commit(run, error);
    }
    if (!ok) {
        db_abort(run->work);
        chunk_clear(&next);
        return FALSE;
    }
    chunk_clear(&backfill->chunk);
    backfill->chunk = next;
    return fault_point(run, "batch.committed", error);
}

/* A statement that cannot be made smaller, and is too slow although nobody is in its way, will stay so. */
static gboolean
check_speed(Backfill *backfill, const GError *why, GError **error)
{
    Run *run = backfill->run;
    gboolean is_slow = seam_error_has_sqlstate(why, "57014") && backfill->blockers == NULL;

    backfill->timeouts = is_slow ? backfill->timeouts + 1 : 0;
    if (backfill->walk != &walk_once || backfill->timeouts < TIMEOUTS_TO_END)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED,
                   "the statement on %s takes longer than the lock budget of %d ms, and cannot be split",
                   backfill->step->place, run->options.lock_budget_ms);
    seam_error_hint(error,
                    "nothing of it has been changed: `pgseam resume --lock-budget MS` gives it more time (its rows "
                    "are locked for that long), or `pgseam rollback`");
    return FALSE;
}

/* Give up on locks at the deadline, else smaller, a little later. */
static gboolean
retry_later(Backfill *backfill, const GError *why, GError **error)
{
    Run *run = backfill->run;
    gint64 stuck_s = (g_get_monotonic_time() - backfill->last_success) / G_USEC_PER_SEC;
    g_autofree char *reason = NULL;

    if (!check_speed(backfill, why, error))
        return FALSE;
    if (backfill->pace.rows == 1 && seam_error_has_sqlstate(why, "57014"))
        backfill->timeout_ms = MIN(backfill->timeout_ms * 2, MAX_TIMEOUT_MS);
    if (backfill->walk != &walk_once)
        backfill->pace.rows = throttle_back_off_rows(backfill->pace.rows);
    if (stuck_s >= run->options.lock_deadline_s) {
        seam_error_set(error, SEAM_ERROR_LOCK, "could not lock rows of %s.%s for %d s: %s", backfill->schema,
                       backfill->table, run->options.lock_deadline_s, why->message);
        seam_error_detail(error, "%s", backfill->blockers != NULL ? backfill->blockers : "nobody seen in the way");
        seam_error_hint(error, "see `pgseam locks`; `pgseam resume` goes on from here, `pgseam rollback` undoes");
        return FALSE;
    }
    if (++backfill->failures == FAILURES_TO_TELL) {
        reason = g_strdup_printf("rows are locked: %s", backfill->blockers != NULL ? backfill->blockers : why->message);
        progress_say(run->progress, "  %s", reason);
        if (!journal_set_reason(run->control, run->migration, reason, error))
            return FALSE;
    }
    return run_sleep(run, g_random_int_range(BACKOFF_MS / 2, BACKOFF_MS * MIN(backfill->failures, 10)), error);
}

/* A row that the statement fails on: batches shrink until one row (or block) is left, which then is named. */
static gboolean
name_bad_row(Backfill *backfill, const Batch *batch, GError *why, GError **error)
{
    g_autofree char *place = NULL;

    if (backfill->pace.rows > 1 && batch->is_divisible) {
        backfill->bisecting = BISECT_BATCHES;
        backfill->pace.rows = (int)MAX(1, MIN(backfill->pace.rows, batch->rows) / 2);
        g_error_free(why);
        return TRUE;
    }
    place = backfill->walk->describe(backfill, batch);
    g_propagate_error(error, why);
    seam_error_detail(error, "%s of %s.%s fails; all rows before it are done", place, backfill->schema,
                      backfill->table);
    seam_error_hint(error,
                    "correct the row, then `pgseam resume` goes on with it; `pgseam rollback` undoes the migration");
    return FALSE;
}

/* A matter of one row (data, a constraint, a trigger's own SQLSTATE), unless its class says it is one of the statement
 * or of the server (manual, appendix A). */
static gboolean
is_data_error(const GError *why)
{
    static const char *const others[] = {"08", "0A", "25", "40", "42", "53", "54", "55", "57", "58", "F0", "HV", "XX"};
    const char *sqlstate = seam_error_get_sqlstate(why);

    if (!seam_error_is(why, SEAM_ERROR_SQL) || sqlstate == NULL)
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        if (g_str_has_prefix(sqlstate, others[i]))
            return FALSE;
    }
    return TRUE;
}

static gboolean
handle_failure(Backfill *backfill, const Batch *batch, GError *why, GError **error)
{
    g_autoptr(GError) owned = why;
    gboolean needs_hint = is_data_error(why) && seam_error_get_hint(why) == NULL;

    if (guard_is_retryable(why))
        return retry_later(backfill, why, error);
    if (is_data_error(why) && backfill->walk->describe != NULL && batch->end != NULL)
        return name_bad_row(backfill, batch, g_steal_pointer(&owned), error);
    g_propagate_error(error, g_steal_pointer(&owned));
    if (needs_hint)
        seam_error_hint(error,
                        "correct the row, then `pgseam resume` runs the statement again; `pgseam rollback` undoes "
                        "the migration");
    return FALSE;
}

static gboolean
after_success(Backfill *backfill, const Batch *batch, GError **error)
{
    Run *run = backfill->run;

    if (backfill->failures >= FAILURES_TO_TELL && !journal_set_reason(run->control, run->migration, NULL, error))
        return FALSE;
    backfill->failures = 0;
    backfill->timeouts = 0;
    backfill->last_success = g_get_monotonic_time();
    backfill->timeout_ms = run->options.lock_budget_ms;
    g_clear_pointer(&backfill->blockers, g_free);
    if (backfill->bisecting > 0)
        backfill->bisecting--;
    else if (batch->rows > 0)
        pace_took(
            &backfill->pace,
            &(PaceLimits){run->options.batch_ms, run->options.lock_budget_ms * 3 / 5.0, run->options.max_batch_rows},
            batch->took_ms);
    return backfill->chunk.is_done || throttle_wait(run, batch->took_ms, (double)backfill->chunk.rows_seen, error);
}

/* A run over the whole table goes on only while nobody waits for one of its rows. */
static gboolean
check_waiting(Backfill *backfill, GError **error)
{
    gint64 longest_ms = 0;

    if (!backfill->is_whole)
        return TRUE;
    if (!blockers_waiting_for(backfill->run->watch, db_backend_pid(backfill->run->work), &longest_ms, error))
        return FALSE;
    if (longest_ms < run_lock_timeout(backfill->run, 2))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_LOCK, "a session waits for a row that the last run over the table has changed");
    return FALSE;
}

/* While a batch waits for a row, see who has it. */
static gboolean
tick_batch(gpointer data, GError **error)
{
    Backfill *backfill = data;
    char *seen = NULL;

    if (!run_tick(backfill->run, error) || !patience_watch_work(backfill->run, &seen, error))
        return FALSE;
    if (seen != NULL) {
        g_free(backfill->blockers);
        backfill->blockers = seen;
    }
    return check_waiting(backfill, error);
}

gboolean
backfill_batch(Backfill *backfill, GError **error)
{
    Batch batch = {.rows = 0};
    GError *why = NULL;
    gboolean ok;

    backfill->is_whole = backfill->walk->is_whole != NULL && backfill->walk->is_whole(backfill);
    db_on_wait(backfill->run->work, BACKFILL_TICK_MS, tick_batch, backfill);
    ok = do_batch(backfill, &batch, &why);
    db_on_wait(backfill->run->work, 100, run_tick, backfill->run);
    ok = ok ? after_success(backfill, &batch, error) : handle_failure(backfill, &batch, why, error);
    batch_clear(&batch);
    return ok;
}
