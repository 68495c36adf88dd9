/*
 * No walk: the whole statement is one batch, for small tables and for rows that the statement brings along. Its "done"
 * is in the same transaction, so it happens exactly once.
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "steps/backfill.h"

/* What was small when the plan was made may have grown: sixteen times the largest that the planner calls small. */
#define MAX_BYTES ((gint64)8 * 1024 * 1024)

static gboolean
check_size(const Backfill *backfill, GError **error)
{
    g_autofree char *name = sql_quote_name(backfill->schema, backfill->table);
    g_autoptr(DbResult) row =
        db_query(backfill->run->work, "SELECT pg_catalog.pg_relation_size($1::pg_catalog.regclass) AS bytes",
                 DB_ARGS(name), error);

    if (row == NULL)
        return FALSE;
    if (db_int(row, 0, "bytes") <= MAX_BYTES)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_DRIFT,
                   "table %s was small when the plan was made and has %" G_GINT64_FORMAT
                   " MB now: one statement would lock its rows for too long",
                   name, db_int(row, 0, "bytes") / 1024 / 1024);
    seam_error_hint(error, "`pgseam rollback`, then plan again: the statement is split, or refused with the reason");
    return FALSE;
}

static gboolean
is_patient(const Backfill *backfill)
{
    return step_is(backfill->step, PARAM_PATIENT);
}

static gboolean
next_once(Backfill *backfill, Batch *batch, GError **error)
{
    batch->ends_pass = TRUE;
    batch->values = g_ptr_array_new_with_free_func(g_free);
    return !step_is(backfill->step, PARAM_SMALL) || check_size(backfill, error);
}

/* A sweep goes on until a whole run has found nothing. */
static void
turn_once(const Backfill *backfill, Chunk *chunk)
{
    chunk->passes++;
    chunk->is_done = !step_is(backfill->step, PARAM_SWEEP) || chunk->pass_changed == 0;
    chunk->pass_changed = 0;
}

const Walk walk_once = {.is_whole = is_patient, .next = next_once, .turn = turn_once};
