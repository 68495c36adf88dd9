/*
 * backfill.update, backfill.delete, backfill.insert and dml.once: batches, each its own transaction with its cursor.
 */
#include "steps/backfill.h"

#include "base/error.h"
#include "run/fault.h"
#include "run/progress.h"
#include "run/throttle.h"
#include "steps/common.h"
#include "steps/ops.h"

#define MAX_PASSES 10

static gboolean
check_passes(const Backfill *backfill, GError **error)
{
    if (backfill->chunk.is_done || backfill->chunk.passes < MAX_PASSES)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "after %d sweeps of %s.%s there still are new rows that need the backfill", MAX_PASSES,
                   backfill->schema, backfill->table);
    seam_error_hint(
        error,
        "the old application is still writing (or a trigger undoes the change): stop it, then `pgseam complete`");
    return FALSE;
}

static gboolean
walk(Backfill *backfill, GError **error)
{
    while (!backfill->chunk.is_done) {
        if (!backfill_batch(backfill, error) || !check_passes(backfill, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
begin_chunk(Backfill *backfill, GError **error)
{
    Run *run = backfill->run;

    if (backfill->chunk.exists)
        return TRUE;
    if (run_begin(run, 60000, error) && (backfill->walk->begin == NULL || backfill->walk->begin(backfill, error)) &&
        journal_put_chunk(run->work, run->migration, backfill->step->id, &backfill->chunk, 0, error) &&
        run_commit(run, error))
        return TRUE;
    db_abort(run->work);
    return FALSE;
}

/* A sweep that was given up counts its passes anew. */
static void
reset_passes(Backfill *backfill)
{
    if (backfill->chunk.passes >= MAX_PASSES && !backfill->chunk.is_done)
        backfill->chunk.passes = 0;
}

static const Walk *
walk_of(const Step *step)
{
    if (step->kind == STEP_DML_ONCE)
        return &walk_once;
    return g_strcmp0(step_get(step, PARAM_WALK), "ctid") == 0 ? &walk_by_ctid : &walk_by_key;
}

static void
backfill_init(Backfill *backfill, Run *run, const Step *step)
{
    gboolean is_other = step_get(step, PARAM_WALK_TABLE) != NULL;

    *backfill = (Backfill){.run = run, .step = step, .walk = walk_of(step), .timeout_ms = run->options.lock_budget_ms};
    backfill->schema = is_other ? step_get(step, PARAM_WALK_SCHEMA) : step->schema;
    backfill->table = is_other ? step_get(step, PARAM_WALK_TABLE) : step->table;
    pace_init(&backfill->pace, run->options.max_batch_rows);
    backfill->last_success = g_get_monotonic_time();
    if (backfill->walk->prepare != NULL)
        backfill->walk->prepare(backfill);
}

static void
backfill_clear(Backfill *backfill)
{
    chunk_clear(&backfill->chunk);
    g_free(backfill->find_end);
    g_free(backfill->find_rest);
    g_free(backfill->blockers);
}

static void
say_result(const Backfill *backfill)
{
    const Chunk *chunk = &backfill->chunk;

    if (backfill->walk == &walk_once)
        progress_say(backfill->run->progress, "  %" G_GINT64_FORMAT " rows changed", chunk->rows_changed);
    else
        progress_say(backfill->run->progress,
                     "  %" G_GINT64_FORMAT " rows changed of %" G_GINT64_FORMAT " seen, in %" G_GINT64_FORMAT
                     " batches",
                     chunk->rows_changed, chunk->rows_seen, chunk->batches);
}

static gboolean
run_backfill(Run *run, const Step *step, GError **error)
{
    Backfill backfill;
    gboolean ok;

    backfill_init(&backfill, run, step);
    ok = journal_get_chunk(run->control, run->migration, step->id, &backfill.chunk, error) &&
         begin_chunk(&backfill, error);
    if (ok) {
        reset_passes(&backfill);
        ok = walk(&backfill, error) && throttle_end(run, error);
    }
    if (ok)
        say_result(&backfill);
    backfill_clear(&backfill);
    return ok;
}

static gboolean
probe_backfill(Run *run, const Step *step, StepState *ret_state, GError **error)
{
    Chunk chunk;

    if (!journal_get_chunk(run->control, run->migration, step->id, &chunk, error))
        return FALSE;
    *ret_state = chunk.is_done ? STEP_PRESENT : STEP_ABSENT;
    chunk_clear(&chunk);
    return TRUE;
}

const StepOps step_backfill = {probe_backfill, run_backfill, NULL, NULL, NULL};
