/*
 * The walk by blocks, for statements that have no key to go by.
 *
 * A row version that is updated, by us or by the application, may go to any block: behind the walk, before it, or
 * beyond the end that was fixed at the beginning. So the walk by itself neither meets each row nor meets it once. That
 * is why the planner sends a statement here only if a row that it has changed is not found by it again, and why the
 * walk is not the end: after it the statement itself runs once over the whole table, as written, for what is left. That
 * last run is plain SQL under one snapshot: each row that is there and matches is changed, wherever it has moved to,
 * and a row that somebody changes meanwhile is looked at again by the server (EvalPlanQual). It finds few rows; it
 * locks no other; and it is given up and tried again as soon as one session has waited for it.
 */
#include <stdlib.h>

#include "base/sqltext.h"
#include "steps/backfill.h"

#define ROWS_OF_UNKNOWN_BLOCK 50
#define LAST_BLOCK            "4294967295"

static gint64
number_of(const GPtrArray *list)
{
    return list != NULL && list->len > 0 ? g_ascii_strtoll(g_ptr_array_index(list, 0), NULL, 10) : 0;
}

static GPtrArray *
list_of(gint64 number)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(list, db_int_text(number));
    return list;
}

static gboolean
begin_by_ctid(Backfill *backfill, GError **error)
{
    g_autofree char *name = sql_quote_name(backfill->schema, backfill->table);
    g_autoptr(DbResult) row = db_query(backfill->run->work,
                                       "SELECT pg_catalog.pg_relation_size($1::pg_catalog.regclass) "
                                       "/ pg_catalog.current_setting('block_size')::bigint AS blocks",
                                       DB_ARGS(name), error);

    if (row == NULL)
        return FALSE;
    backfill->chunk.high = list_of(db_int(row, 0, "blocks"));
    return TRUE;
}

static gboolean
is_last_run(const Backfill *backfill)
{
    return backfill->chunk.passes > 0;
}

static double
rows_of_block(const Backfill *backfill, gint64 blocks)
{
    double rows = blocks > 0 ? backfill->step->rows / (double)blocks : 0;

    return rows >= 1 ? rows : ROWS_OF_UNKNOWN_BLOCK;
}

static void
set_values(Batch *batch, gint64 from, const char *to)
{
    batch->values = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(batch->values, db_tid_text(from, 0));
    g_ptr_array_add(batch->values, g_strdup_printf("(%s,0)", to));
}

static gboolean
next_by_ctid(Backfill *backfill, Batch *batch, GError **error)
{
    gint64 all = number_of(backfill->chunk.high);
    gint64 from = number_of(backfill->chunk.cursor);
    double rows = rows_of_block(backfill, all);
    gint64 blocks = MIN(MAX(1, (gint64)(backfill->pace.rows / rows)), all - from);

    batch->ends_pass = TRUE;
    if (is_last_run(backfill)) {
        set_values(batch, 0, LAST_BLOCK);
        return TRUE;
    }
    if (blocks <= 0)
        return TRUE;
    batch->end = list_of(from + blocks);
    batch->rows = (gint64)(rows * (double)blocks);
    batch->is_divisible = blocks > 1;
    batch->ends_pass = from + blocks >= all;
    set_values(batch, from, g_ptr_array_index(batch->end, 0));
    return TRUE;
}

static void
turn_by_ctid(const Backfill *backfill, Chunk *chunk)
{
    chunk->is_done = is_last_run(backfill);
    chunk->passes++;
    g_clear_pointer(&chunk->cursor, g_ptr_array_unref);
}

static char *
describe_by_ctid(const Backfill *backfill, const Batch *batch)
{
    if (batch->end == NULL)
        return NULL;
    return g_strdup_printf("a row in block %" G_GINT64_FORMAT " (its ctid says which)", number_of(batch->end) - 1);
}

const Walk walk_by_ctid = {.begin = begin_by_ctid,
                           .is_whole = is_last_run,
                           .next = next_by_ctid,
                           .turn = turn_by_ctid,
                           .describe = describe_by_ctid};
