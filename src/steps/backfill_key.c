/*
 * The walk by a key: each batch goes from the cursor, left out, to the key that stands `rows` places further.
 */
#include "base/error.h"
#include "base/sqltext.h"
#include "plan/key_sql.h"
#include "steps/backfill.h"
#include "steps/common.h"

/* "batch.c0, batch.c1" for the columns of a CTE, which are named by place. */
static char *
place_list(const Step *step, const char *qualifier, const char *suffix)
{
    GString *list = g_string_new(NULL);

    for (guint i = 0; i < step->key->len; i++)
        g_string_append_printf(list, "%s%sc%u%s", i > 0 ? ", " : "", qualifier, i, suffix);
    return g_string_free(list, FALSE);
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

/* The key that ends a full batch; no row where fewer are left. Columns are always qualified, since an output column of
 * the same name would win in ORDER BY. */
static char *
find_end_sql(const Backfill *backfill)
{
    const Step *step = backfill->step;
    g_autofree char *texts = text_list(step, TRUE);
    g_autofree char *keys = key_sql_list(step, "t", "");
    g_autofree char *above = key_sql_bound(step, "t", step_get(step, PARAM_GREATER), 1);
    g_autofree char *up_to = key_sql_bound(step, "t", step_get(step, PARAM_AT_MOST), step->key->len + 1);
    g_autofree char *limit = g_strdup_printf("$%u", 2 * step->key->len + 1);

    return sql_build("SELECT ? FROM ? AS t WHERE ? AND ? ORDER BY ? "
                     "OFFSET CAST(? AS pg_catalog.int8) - 1 LIMIT 1",
                     sql_raw(texts), sql_name(backfill->schema, backfill->table), sql_raw(above), sql_raw(up_to),
                     sql_raw(keys), sql_raw(limit));
}

/*
 * The last key of a batch that may be short, how many keys are in it, and how many of them lie above it by the operator
 * with which the batch is cut: none, or the order by which we walk is not the order by which we cut, and rows would be
 * lost.
 */
static char *
find_rest_sql(const Backfill *backfill)
{
    const Step *step = backfill->step;
    g_autofree char *keys = key_sql_list(step, "t", "");
    g_autofree char *names = place_list(step, "", "");
    g_autofree char *down = place_list(step, "batch.", " DESC");
    g_autofree char *batch = place_list(step, "batch.", "");
    g_autofree char *last = place_list(step, "last.", "");
    g_autofree char *texts = text_list(step, FALSE);
    g_autofree char *above = key_sql_bound(step, "t", step_get(step, PARAM_GREATER), 1);
    g_autofree char *up_to = key_sql_bound(step, "t", step_get(step, PARAM_AT_MOST), step->key->len + 1);
    g_autofree char *limit = g_strdup_printf("$%u", 2 * step->key->len + 1);

    return sql_build("WITH batch(?) AS MATERIALIZED (SELECT ? FROM ? AS t WHERE ? AND ? ORDER BY ? "
                     "LIMIT CAST(? AS pg_catalog.int8)), "
                     "last AS MATERIALIZED (SELECT batch.* FROM batch ORDER BY ? LIMIT 1) "
                     "SELECT ?, (SELECT pg_catalog.count(*) FROM batch) AS rows_in_batch, "
                     "(SELECT pg_catalog.count(*) FROM batch WHERE ROW(?) ? ROW(?)) AS rows_above FROM last",
                     sql_raw(names), sql_raw(keys), sql_name(backfill->schema, backfill->table), sql_raw(above),
                     sql_raw(up_to), sql_raw(keys), sql_raw(limit), sql_raw(down), sql_raw(texts), sql_raw(batch),
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
        g_ptr_array_add(values, key != NULL ? g_strdup(g_ptr_array_index(key, i)) : NULL);
}

static DbResult *
ask(const Backfill *backfill, const char *sql, GError **error)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);

    add_key(values, backfill->step, backfill->chunk.cursor);
    add_key(values, backfill->step, backfill->chunk.high);
    g_ptr_array_add(values, g_strdup_printf("%d", backfill->pace.rows));
    return db_query(backfill->run->work, sql, (int)values->len, (const char *const *)values->pdata, error);
}

static gboolean
check_order(const Backfill *backfill, const DbResult *row, GError **error)
{
    if (db_int(row, 0, "rows_above") == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "the key of %s.%s does not sort as it compares; rows could be lost",
                   backfill->schema, backfill->table);
    seam_error_hint(error,
                    "nothing of this batch has been changed; `pgseam rollback`, and tell us about the key's type");
    return FALSE;
}

/* The first batch of a pass, and the one that may be its last, are counted and checked. */
static gboolean
find_rest(Backfill *backfill, Batch *batch, GError **error)
{
    g_autoptr(DbResult) row = ask(backfill, backfill->find_rest, error);

    if (row == NULL)
        return FALSE;
    if (db_rows(row) > 0) {
        batch->end = key_of(backfill->step, row);
        batch->rows = db_int(row, 0, "rows_in_batch");
    }
    return db_rows(row) == 0 || check_order(backfill, row, error);
}

static gboolean
find_end(Backfill *backfill, Batch *batch, GError **error)
{
    g_autoptr(DbResult) row = NULL;

    if (backfill->chunk.cursor == NULL)
        return find_rest(backfill, batch, error);
    row = ask(backfill, backfill->find_end, error);
    if (row == NULL)
        return FALSE;
    if (db_rows(row) == 0)
        return find_rest(backfill, batch, error);
    batch->end = key_of(backfill->step, row);
    batch->rows = backfill->pace.rows;
    return TRUE;
}

static gboolean
next_by_key(Backfill *backfill, Batch *batch, GError **error)
{
    if (!find_end(backfill, batch, error))
        return FALSE;
    batch->ends_pass = batch->rows < backfill->pace.rows;
    batch->is_divisible = batch->rows > 1;
    if (batch->end == NULL)
        return TRUE;
    batch->values = g_ptr_array_new_with_free_func(g_free);
    add_key(batch->values, backfill->step, backfill->chunk.cursor);
    add_key(batch->values, backfill->step, batch->end);
    return TRUE;
}

/* A statement that must not meet a row twice ends at the highest key of its beginning; on an empty table it has ended.
 */
static gboolean
begin_by_key(Backfill *backfill, GError **error)
{
    const Step *step = backfill->step;
    g_autofree char *texts = text_list(step, TRUE);
    g_autofree char *down = key_sql_list(step, "t", " DESC");
    g_autofree char *sql = NULL;
    g_autoptr(DbResult) row = NULL;

    if (step_is(step, PARAM_REPEATABLE))
        return TRUE;
    sql = sql_build("SELECT ? FROM ? AS t ORDER BY ? LIMIT 1", sql_raw(texts),
                    sql_name(backfill->schema, backfill->table), sql_raw(down));
    row = db_query(backfill->run->work, sql, DB_NONE, error);
    if (row == NULL)
        return FALSE;
    if (db_rows(row) == 0)
        backfill->chunk.is_done = TRUE;
    else
        backfill->chunk.high = key_of(step, row);
    return TRUE;
}

/* A sweep goes on until a whole pass has found nothing. */
static void
turn_by_key(const Backfill *backfill, Chunk *chunk)
{
    chunk->passes++;
    if (!step_is(backfill->step, PARAM_SWEEP) || chunk->pass_changed == 0) {
        chunk->is_done = TRUE;
        return;
    }
    chunk->pass_changed = 0;
    g_clear_pointer(&chunk->cursor, g_ptr_array_unref);
}

static char *
describe_by_key(const Backfill *backfill, const Batch *batch)
{
    GString *text = g_string_new("the row with ");

    for (guint i = 0; batch->end != NULL && i < batch->end->len; i++)
        g_string_append_printf(text, "%s%s = %s", i > 0 ? ", " : "",
                               (const char *)g_ptr_array_index(backfill->step->key, i),
                               (const char *)g_ptr_array_index(batch->end, i));
    return g_string_free(text, FALSE);
}

static void
prepare_by_key(Backfill *backfill)
{
    backfill->find_end = find_end_sql(backfill);
    backfill->find_rest = find_rest_sql(backfill);
}

const Walk walk_by_key = {.prepare = prepare_by_key,
                          .begin = begin_by_key,
                          .next = next_by_key,
                          .turn = turn_by_key,
                          .describe = describe_by_key};
