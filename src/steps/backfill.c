/*
 * backfill.update and backfill.delete: batches by key, each its own transaction with its cursor.
 *
 * A batch never waits long for a row: its lock_timeout is far below deadlock_timeout (1 s), so in a deadlock with the
 * application it is always we who give way, and its statement_timeout is the lock budget, so no row is locked for
 * longer.
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "db/array.h"
#include "run/fault.h"
#include "run/journal.h"
#include "run/patience.h"
#include "run/progress.h"
#include "run/throttle.h"
#include "steps/common.h"
#include "steps/ops.h"

#define MAX_PASSES       10
#define MAX_TIMEOUT_MS   10000
#define TICK_MS          50
#define BACKOFF_MS       40
#define FAILURES_TO_TELL 5
#define BISECT_BATCHES   64

typedef struct Backfill {
    Run *run;
    const Step *step;
    Chunk chunk;
    char *find_end;      /* SQL: the last key of the next batch */
    int rows;            /* size of the next batch */
    int timeout_ms;      /* of its statements */
    int failures;        /* batches in a row that ran into a lock or the time limit */
    gint64 last_success; /* monotonic microseconds */
    int bisecting;       /* batches still to go without growth: looking for the row that fails */
    char *blockers;      /* who was in the way of the batch */
} Backfill;

typedef struct Batch {
    GPtrArray *end; /* its last key */
    gint64 rows;    /* keys in it */
    gint64 changed;
    double took_ms;
} Batch;

static void
batch_clear(Batch *batch)
{
    g_clear_pointer(&batch->end, g_ptr_array_unref);
}

/* "t.a, t.b": always qualified, since an output column of the same name would win in ORDER BY. */
static char *
key_list(const Step *step, const char *suffix)
{
    GString *list = g_string_new(NULL);

    for (guint i = 0; i < step->key->len; i++) {
        g_autofree char *column = sql_quote_ident(g_ptr_array_index(step->key, i));
        g_string_append_printf(list, "%st.%s%s", i > 0 ? ", " : "", column, suffix);
    }
    return g_string_free(list, FALSE);
}

/* "batch.c0, batch.c1" for the columns of a CTE, which are named by place. */
static char *
place_list(const Step *step, const char *qualifier, const char *suffix)
{
    GString *list = g_string_new(NULL);

    for (guint i = 0; i < step->key->len; i++)
        g_string_append_printf(list, "%s%sc%u%s", i > 0 ? ", " : "", qualifier, i, suffix);
    return g_string_free(list, FALSE);
}

/* ROW(t.a, t.b) > ROW(CAST($1 AS ..), ..), true as a whole where the parameters are NULL. */
static char *
bound(const Step *step, const char *operator, guint first)
{
    g_autofree char *left = key_list(step, "");
    g_autoptr(GString) right = g_string_new(NULL);

    for (guint i = 0; i < step->key->len; i++)
        g_string_append_printf(right, "%sCAST($%u AS %s)", i > 0 ? ", " : "", first + i,
                               (const char *)g_ptr_array_index(step->key_types, i));
    return g_strdup_printf("(CAST($%u AS %s) IS NULL OR ROW(%s) %s ROW(%s))", first,
                           (const char *)g_ptr_array_index(step->key_types, 0), left, operator, right->str);
}

/* The key as text, which is how it travels: of the table, or of the CTE "last". */
static char *
text_list(const Step *step, gboolean of_table)
{
    GString *list = g_string_new(NULL);

    for (guint i = 0; i < step->key->len; i++) {
        g_autofree char *column =
            of_table ? sql_quote_name("t", g_ptr_array_index(step->key, i)) : g_strdup_printf("last.c%u", i);
        g_string_append_printf(list, "%sCAST(%s AS pg_catalog.text)", i > 0 ? ", " : "", column);
    }
    return g_string_free(list, FALSE);
}

/*
 * The last key of the next batch, how many keys are in it, and how many of them lie above it by the operator with which
 * the batch is cut: none, or the order by which we walk is not the order by which we cut, and rows would be lost.
 */
static char *
find_end_sql(const Step *step)
{
    g_autofree char *keys = key_list(step, "");
    g_autofree char *names = place_list(step, "", "");
    g_autofree char *down = place_list(step, "batch.", " DESC");
    g_autofree char *batch = place_list(step, "batch.", "");
    g_autofree char *last = place_list(step, "last.", "");
    g_autofree char *texts = text_list(step, FALSE);
    g_autofree char *above = bound(step, step_get(step, PARAM_GREATER), 1);
    g_autofree char *up_to = bound(step, step_get(step, PARAM_AT_MOST), step->key->len + 1);
    g_autofree char *limit = g_strdup_printf("$%u", 2 * step->key->len + 1);

    return sql_build("WITH batch(?) AS MATERIALIZED (SELECT ? FROM ? AS t WHERE ? AND ? ORDER BY ? "
                     "LIMIT CAST(? AS pg_catalog.int8)), "
                     "last AS MATERIALIZED (SELECT batch.* FROM batch ORDER BY ? LIMIT 1) "
                     "SELECT ?, (SELECT pg_catalog.count(*) FROM batch) AS rows_in_batch, "
                     "(SELECT pg_catalog.count(*) FROM batch WHERE ROW(?) ? ROW(?)) AS rows_above FROM last",
                     sql_raw(names), sql_raw(keys), sql_name(step->schema, step->table), sql_raw(above), sql_raw(up_to),
                     sql_raw(keys), sql_raw(limit), sql_raw(down), sql_raw(texts), sql_raw(batch),
                     sql_raw(step_get(step, PARAM_GREATER)), sql_raw(last));
}

static GPtrArray *
key_of(const Step *step, const DbResult *row)
{
    GPtrArray *key = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; i < step->key->len; i++)
        g_ptr_array_add(key, g_strdup(db_text_at(row, 0, (int)i)));
    return key;
}

/* Parameters: cursor, then another key, then maybe a number; NULLs for a key that is not there. */
static void
add_key(GPtrArray *values, const Step *step, const GPtrArray *key)
{
    for (guint i = 0; i < step->key->len; i++)
        g_ptr_array_add(values, key != NULL ? g_ptr_array_index(key, i) : NULL);
}

static gboolean
check_order(const Backfill *backfill, const DbResult *row, GError **error)
{
    if (db_int(row, 0, "rows_above") == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "the key of %s.%s does not sort as it compares; rows could be lost",
                   backfill->step->schema, backfill->step->table);
    seam_error_hint(error,
                    "nothing of this batch has been changed; `pgseam rollback`, and tell us about the key's type");
    return FALSE;
}

static gboolean
find_end(Backfill *backfill, Batch *batch, GError **error)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new();
    g_autofree char *limit = g_strdup_printf("%d", backfill->rows);
    g_autoptr(DbResult) row = NULL;

    add_key(values, backfill->step, backfill->chunk.cursor);
    add_key(values, backfill->step, backfill->chunk.high);
    g_ptr_array_add(values, limit);
    row =
        db_query(backfill->run->work, backfill->find_end, (int)values->len, (const char *const *)values->pdata, error);
    if (row == NULL)
        return FALSE;
    if (db_rows(row) > 0) {
        batch->end = key_of(backfill->step, row);
        batch->rows = db_int(row, 0, "rows_in_batch");
    }
    return db_rows(row) == 0 || check_order(backfill, row, error);
}

static gboolean
change_rows(Backfill *backfill, Batch *batch, GError **error)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new();
    g_autoptr(DbResult) result = NULL;

    add_key(values, backfill->step, backfill->chunk.cursor);
    add_key(values, backfill->step, batch->end);
    result =
        db_query(backfill->run->work, backfill->step->sql, (int)values->len, (const char *const *)values->pdata, error);
    if (result == NULL)
        return FALSE;
    batch->changed = db_affected(result);
    return TRUE;
}

/* Where the walk stands after the batch. A batch that is not full has reached the end. */
static void
advance(const Backfill *backfill, const Batch *batch, Chunk *chunk)
{
    if (batch->end != NULL) {
        g_clear_pointer(&chunk->cursor, g_ptr_array_unref);
        chunk->cursor = g_ptr_array_ref(batch->end);
        chunk->rows_seen += batch->rows;
        chunk->rows_changed += batch->changed;
        chunk->pass_changed += batch->changed;
    }
    chunk->batches++;
    if (batch->rows >= backfill->rows)
        return;
    chunk->passes++;
    if (!step_is(backfill->step, PARAM_SWEEP) || chunk->pass_changed == 0) {
        chunk->is_done = TRUE;
        return;
    }
    chunk->pass_changed = 0;
    g_clear_pointer(&chunk->cursor, g_ptr_array_unref);
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

    return run_begin(run, MAX(run->options.lock_budget_ms, 100), error) &&
           db_set_local_ms(run->work, "lock_timeout", run_lock_timeout(run, 2), error) &&
           db_set_local_ms(run->work, "statement_timeout", backfill->timeout_ms, error);
}

/* One batch in one transaction. On failure nothing of it is left, and backfill->chunk is as it was. */
static gboolean
do_batch(Backfill *backfill, Batch *batch, GError **error)
{
    Run *run = backfill->run;
    Chunk next = chunk_copy(&backfill->chunk);
    gint64 begun = g_get_monotonic_time();
    gboolean ok = begin_batch(backfill, error) && find_end(backfill, batch, error) &&
                  (batch->end == NULL || change_rows(backfill, batch, error)) && fault_point(run, "batch.work", error);

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

static char *
describe_key(const Step *step, const GPtrArray *key)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; key != NULL && i < key->len; i++)
        g_string_append_printf(text, "%s%s = %s", i > 0 ? ", " : "", (const char *)g_ptr_array_index(step->key, i),
                               (const char *)g_ptr_array_index(key, i));
    return g_string_free(text, FALSE);
}

/* Give up on locks at the deadline, else smaller, a little later. */
static gboolean
retry_later(Backfill *backfill, const GError *why, GError **error)
{
    Run *run = backfill->run;
    gint64 stuck_s = (g_get_monotonic_time() - backfill->last_success) / G_USEC_PER_SEC;
    g_autofree char *reason = NULL;

    if (backfill->rows == 1 && seam_error_has_sqlstate(why, "57014"))
        backfill->timeout_ms = MIN(backfill->timeout_ms * 2, MAX_TIMEOUT_MS);
    backfill->rows = throttle_back_off_rows(backfill->rows);
    if (stuck_s >= run->options.lock_deadline_s) {
        seam_error_set(error, SEAM_ERROR_LOCK, "could not lock rows of %s.%s for %d s: %s", backfill->step->schema,
                       backfill->step->table, run->options.lock_deadline_s, why->message);
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

/* A row that the statement fails on: batches shrink until one row is left, which then is named. */
static gboolean
name_bad_row(Backfill *backfill, const Batch *batch, GError *why, GError **error)
{
    g_autofree char *key = describe_key(backfill->step, batch->end);

    if (backfill->rows > 1 && batch->rows > 1) {
        backfill->bisecting = BISECT_BATCHES;
        backfill->rows = (int)MAX(1, MIN(backfill->rows, batch->rows) / 2);
        g_error_free(why);
        return TRUE;
    }
    g_propagate_error(error, why);
    seam_error_detail(error, "the row with %s of %s.%s fails; all rows before it are done", key, backfill->step->schema,
                      backfill->step->table);
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

    if (guard_is_retryable(why))
        return retry_later(backfill, why, error);
    if (is_data_error(why) && batch->end != NULL)
        return name_bad_row(backfill, batch, g_steal_pointer(&owned), error);
    g_propagate_error(error, g_steal_pointer(&owned));
    return FALSE;
}

static gboolean
after_success(Backfill *backfill, const Batch *batch, GError **error)
{
    Run *run = backfill->run;

    if (backfill->failures >= FAILURES_TO_TELL && !journal_set_reason(run->control, run->migration, NULL, error))
        return FALSE;
    backfill->failures = 0;
    backfill->last_success = g_get_monotonic_time();
    backfill->timeout_ms = run->options.lock_budget_ms;
    g_clear_pointer(&backfill->blockers, g_free);
    if (backfill->bisecting > 0)
        backfill->bisecting--;
    else if (batch->rows > 0)
        backfill->rows =
            throttle_next_rows(backfill->rows, batch->took_ms, run->options.batch_ms, run->options.max_batch_rows);
    return backfill->chunk.is_done || throttle_wait(run, batch->took_ms, (double)backfill->chunk.rows_seen, error);
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
    return TRUE;
}

static gboolean
check_passes(const Backfill *backfill, GError **error)
{
    if (backfill->chunk.is_done || backfill->chunk.passes < MAX_PASSES)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "after %d sweeps of %s.%s there still are new rows that need the backfill", MAX_PASSES,
                   backfill->step->schema, backfill->step->table);
    seam_error_hint(
        error,
        "the old application is still writing (or a trigger undoes the change): stop it, then `pgseam complete`");
    return FALSE;
}

static gboolean
walk(Backfill *backfill, GError **error)
{
    while (!backfill->chunk.is_done) {
        Batch batch = {NULL, 0, 0, 0};
        GError *why = NULL;
        gboolean ok;

        db_on_wait(backfill->run->work, TICK_MS, tick_batch, backfill);
        ok = do_batch(backfill, &batch, &why);
        db_on_wait(backfill->run->work, 100, run_tick, backfill->run);
        ok = ok ? after_success(backfill, &batch, error) : handle_failure(backfill, &batch, why, error);
        batch_clear(&batch);
        if (!ok || !check_passes(backfill, error))
            return FALSE;
    }
    return TRUE;
}

/* A statement that must not meet a row twice ends at the highest key of its beginning; on an empty table it has ended.
 */
static gboolean
read_high(Backfill *backfill, GError **error)
{
    const Step *step = backfill->step;
    g_autofree char *texts = text_list(step, TRUE);
    g_autofree char *down = key_list(step, " DESC");
    g_autofree char *sql = sql_build("SELECT ? FROM ? AS t ORDER BY ? LIMIT 1", sql_raw(texts),
                                     sql_name(step->schema, step->table), sql_raw(down));
    g_autoptr(DbResult) row = db_query(backfill->run->work, sql, DB_NONE, error);

    if (row == NULL)
        return FALSE;
    if (db_rows(row) == 0)
        backfill->chunk.is_done = TRUE;
    else
        backfill->chunk.high = key_of(step, row);
    return TRUE;
}

static gboolean
begin_chunk(Backfill *backfill, GError **error)
{
    Run *run = backfill->run;

    if (backfill->chunk.exists)
        return TRUE;
    if (run_begin(run, 60000, error) && (step_is(backfill->step, PARAM_REPEATABLE) || read_high(backfill, error)) &&
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

static gboolean
run_backfill(Run *run, const Step *step, GError **error)
{
    Backfill backfill = {.run = run,
                         .step = step,
                         .rows = MIN(BATCH_ROWS_FIRST, run->options.max_batch_rows),
                         .timeout_ms = run->options.lock_budget_ms};
    gboolean ok;

    backfill.find_end = find_end_sql(step);
    backfill.last_success = g_get_monotonic_time();
    ok = journal_get_chunk(run->control, run->migration, step->id, &backfill.chunk, error) &&
         begin_chunk(&backfill, error);
    if (ok) {
        reset_passes(&backfill);
        ok = walk(&backfill, error);
    }
    if (ok)
        progress_say(run->progress,
                     "  %" G_GINT64_FORMAT " rows changed of %" G_GINT64_FORMAT " seen, in %" G_GINT64_FORMAT
                     " batches",
                     backfill.chunk.rows_changed, backfill.chunk.rows_seen, backfill.chunk.batches);
    chunk_clear(&backfill.chunk);
    g_free(backfill.find_end);
    g_free(backfill.blockers);
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
