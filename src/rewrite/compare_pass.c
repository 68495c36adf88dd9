#include "rewrite/compare_pass.h"

#include "base/error.h"

#define RANGE_MS    1000   /* what a range shall take */
#define FIRST_RANGE 256    /* blocks */
#define MOST_GROWTH 8      /* from one range to the next */
#define MOST_ROWS   100000 /* that a statement returns, where it returns about as many as it reads */
#define FEW_BUCKETS 65536
#define SHARES      3 /* ranges for each worker, at least: none waits long for the last one */

static const char *const side_names[] = {[COMPARE_SOURCE] = "source", [COMPARE_TARGET] = "target"};

/* One side's way through its blocks. */
typedef struct Walk {
    gint64 at;
    gint64 end;
    gint64 size; /* of the next range */
} Walk;

typedef struct Pass {
    Compare *compare;
    CompareRange range;
    guint buckets; /* 0: a list */
    GPtrArray *values;
    Walk walks[COMPARE_SIDES];
    gint64 total;
    gint64 done;
    GPtrArray *ranges; /* Range: those that are not done */
    Tally **tallies;
    GArray **lists;
    gboolean is_whole;
} Pass;

typedef struct Bucket {
    guint32 number;
    guint32 rows;
    guint64 hash;
} Bucket;

/* A job. What it reads of the pass does not change while workers run. */
typedef struct Range {
    const Pass *pass;
    CompareSide side;
    gint64 blocks;
    char *sql;
    gint64 spent_us;
    GArray *found; /* Bucket or RowHash */
} Range;

static void
range_free(gpointer data)
{
    Range *range = data;

    g_free(range->sql);
    g_clear_pointer(&range->found, g_array_unref);
    g_free(range);
}

/* Whoever looks for a dirty key shall build a hash table of them once: the planner, who knows nothing about the dirty
 * table, would scan it for each row. A lock that somebody holds on the table is awaited: nobody waits for ours. */
gboolean
compare_begin(const CompareHost *host, DbConn *conn, gboolean is_snapshot, GError **error)
{
    return db_run(conn,
                  is_snapshot ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
                              : "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
                  DB_NONE, error) &&
           db_run(conn,
                  "SELECT pg_catalog.set_config(name, value, true) FROM (VALUES ('search_path', $1), ('TimeZone', $2), "
                  "('DateStyle', 'ISO, ' || pg_catalog.split_part($3, ', ', 2)), ('work_mem', '32MB'), "
                  "('max_parallel_workers_per_gather', '0'), ('enable_nestloop', 'off'), ('enable_mergejoin', 'off'), "
                  "('enable_sort', 'off'), "
                  "('lock_timeout', '0')) AS v(name, value)",
                  DB_ARGS(host->search_path, host->time_zone, host->date_style), error);
}

char *
compare_keys_text(const GArray *keys, guint first, guint n)
{
    GString *text = g_string_new("{");

    for (guint i = first; i < MIN(first + n, keys->len); i++)
        g_string_append_printf(text, "%s%" G_GINT64_FORMAT, i > first ? "," : "", g_array_index(keys, gint64, i));
    g_string_append_c(text, '}');
    return g_string_free(text, FALSE);
}

static gint64
number_at(const DbResult *result, int row, int column)
{
    return g_ascii_strtoll(db_text_at(result, row, column), NULL, 10);
}

static void
take_rows(Range *range, const DbResult *result)
{
    int n = db_rows(result);

    range->found = range->pass->buckets > 0 ? g_array_sized_new(FALSE, FALSE, sizeof(Bucket), (guint)n)
                                            : g_array_sized_new(FALSE, FALSE, sizeof(RowHash), (guint)n);
    for (int i = 0; i < n; i++) {
        if (range->pass->buckets > 0) {
            Bucket bucket = {(guint32)number_at(result, i, 0), (guint32)number_at(result, i, 2),
                             (guint64)number_at(result, i, 1)};

            g_array_append_val(range->found, bucket);
        } else {
            RowHash row = {number_at(result, i, 0), number_at(result, i, 1)};

            g_array_append_val(range->found, row);
        }
    }
}

static gboolean
read_range(const WorkerHands *hands, gpointer job, GError **error)
{
    Range *range = job;
    const GPtrArray *values = range->pass->values;
    g_autoptr(DbResult) result = NULL;
    gint64 begin = g_get_monotonic_time();

    if (!compare_begin(range->pass->compare->host, hands->first, FALSE, error))
        return FALSE;
    result = db_query(hands->first, range->sql, (int)values->len, (const char *const *)values->pdata, error);
    if (result == NULL || !db_commit(hands->first, error))
        return FALSE;
    take_rows(range, result);
    range->spent_us = g_get_monotonic_time() - begin;
    return TRUE;
}

/* The side of which more is left: both are through at about the same time. */
static CompareSide
side_behind(const Pass *pass)
{
    const Walk *source = &pass->walks[COMPARE_SOURCE];
    const Walk *target = &pass->walks[COMPARE_TARGET];

    return source->end - source->at >= target->end - target->at ? COMPARE_SOURCE : COMPARE_TARGET;
}

static gboolean
next_range(gpointer data, gpointer *ret_job, GError **error)
{
    Pass *pass = data;
    CompareSide side = side_behind(pass);
    Walk *walk = &pass->walks[side];
    CompareRange blocks = pass->range;
    Range *range;

    (void)error;
    *ret_job = NULL;
    if (walk->at >= walk->end || !pass->is_whole)
        return TRUE;
    blocks.first_block = walk->at;
    blocks.end_block = MIN(walk->at + walk->size, walk->end);
    range = g_new0(Range, 1);
    *range = (Range){.pass = pass, .side = side, .blocks = blocks.end_block - blocks.first_block};
    range->sql = pass->buckets > 0
                     ? compare_sql_scan(pass->compare->sql, side, &blocks, blocks.n_filters, pass->buckets)
                     : compare_sql_list(pass->compare->sql, side, &blocks);
    walk->at = blocks.end_block;
    g_ptr_array_add(pass->ranges, range);
    *ret_job = range;
    return TRUE;
}

static void
keep(Pass *pass, const Range *range)
{
    if (pass->buckets == 0) {
        GArray *list = pass->lists[range->side];

        g_array_append_vals(list, range->found->data, range->found->len);
        pass->is_whole = list->len <= 2 * COMPARE_MOST_LIST;
        return;
    }
    for (guint i = 0; i < range->found->len; i++) {
        const Bucket *bucket = &g_array_index(range->found, Bucket, i);

        tally_add(pass->tallies[range->side], bucket->number, bucket->hash, bucket->rows);
    }
}

/* A range of the size that took RANGE_MS, but no larger than what leaves each worker its share. */
static void
set_size(const Pass *pass, Walk *walk, gint64 total, double blocks_a_second)
{
    const Compare *compare = pass->compare;
    gint64 most = MAX(1, total / (compare->host->jobs * SHARES));

    if (pass->buckets == 0 || pass->buckets > FEW_BUCKETS)
        most = MIN(most, MAX(1, (gint64)(MOST_ROWS * (double)total / MAX(1, compare->rows))));
    walk->size = CLAMP((gint64)(blocks_a_second * RANGE_MS / 1000), 1, MIN(most, walk->size * MOST_GROWTH));
}

static gboolean
range_done(gpointer data, gpointer job, GError **error)
{
    Pass *pass = data;
    Range *range = job;
    const CompareHost *host = pass->compare->host;
    Walk *walk = &pass->walks[range->side];

    (void)error;
    keep(pass, range);
    pass->done += range->blocks;
    set_size(pass, walk, walk->end, (double)range->blocks * G_USEC_PER_SEC / (double)MAX(range->spent_us, 1));
    if (host->progress != NULL)
        host->progress(host->data, (double)pass->done, (double)pass->total);
    g_ptr_array_remove_fast(pass->ranges, range);
    return TRUE;
}

/* How many blocks there are now: rows that come into further ones are dirty. */
static gboolean
read_sizes(Pass *pass, GError **error)
{
    const Compare *compare = pass->compare;
    g_autofree char *source = db_int_text(compare->flow->source_oid);
    g_autofree char *target = db_int_text(compare->flow->target_oid);
    g_autoptr(DbResult) row = db_query(
        compare->host->conn,
        "SELECT pg_catalog.pg_relation_size($1::oid) / b AS source, pg_catalog.pg_relation_size($2::oid) / b AS "
        "target FROM (SELECT pg_catalog.current_setting('block_size')::int8 AS b) AS s",
        DB_ARGS(source, target), error);

    if (row == NULL)
        return FALSE;
    for (int side = 0; side < COMPARE_SIDES; side++) {
        Walk *walk = &pass->walks[side];

        if (db_text(row, 0, side_names[side]) == NULL) {
            seam_error_set(error, SEAM_ERROR_DRIFT, "%s is not there any more",
                           side == COMPARE_SOURCE ? compare->flow->source : compare->flow->target);
            return FALSE;
        }
        walk->end = db_int(row, 0, side_names[side]);
        walk->size = FIRST_RANGE;
        pass->total += walk->end;
        set_size(pass, walk, walk->end, FIRST_RANGE);
    }
    return TRUE;
}

static gboolean
run_pass(Pass *pass, GError **error)
{
    const WorkersJob kind = {next_range, read_range, range_done, pass};
    const Compare *compare = pass->compare;
    gboolean is_fine;

    pass->is_whole = TRUE;
    pass->range.buckets = compare->buckets;
    pass->range.n_filters = compare->filters->len;
    pass->range.leaves_out_dirty = compare->filters->len > 0;
    pass->ranges = g_ptr_array_new_with_free_func(range_free);
    is_fine = read_sizes(pass, error);
    if (is_fine && compare->host->progress != NULL)
        compare->host->progress(compare->host->data, 0, (double)pass->total);
    is_fine = is_fine && workers_run(compare->host->workers, compare->host->jobs, &kind, error);
    g_ptr_array_unref(pass->ranges);
    return is_fine;
}

gboolean
compare_pass_scan(Compare *compare, guint buckets, Tally *ret[COMPARE_SIDES], GError **error)
{
    Pass pass = {.compare = compare, .buckets = buckets, .values = compare->filters, .tallies = ret};

    for (int side = 0; side < COMPARE_SIDES; side++)
        ret[side] = tally_new(buckets);
    if (run_pass(&pass, error))
        return TRUE;
    for (int side = 0; side < COMPARE_SIDES; side++)
        g_clear_pointer(&ret[side], tally_free);
    return FALSE;
}

gboolean
compare_pass_list(Compare *compare, const GArray *keys, GArray *ret[COMPARE_SIDES], gboolean *ret_is_whole,
                  GError **error)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new();
    g_autofree char *wanted = keys != NULL ? compare_keys_text(keys, 0, keys->len) : NULL;
    Pass pass = {.compare = compare, .values = values, .lists = ret};

    for (guint i = 0; i < compare->filters->len; i++)
        g_ptr_array_add(values, g_ptr_array_index(compare->filters, i));
    if (keys != NULL) {
        g_ptr_array_add(values, wanted);
        pass.range.keys_parameter = (int)values->len;
    }
    for (int side = 0; side < COMPARE_SIDES; side++)
        ret[side] = g_array_new(FALSE, FALSE, sizeof(RowHash));
    if (run_pass(&pass, error)) {
        *ret_is_whole = pass.is_whole;
        return TRUE;
    }
    for (int side = 0; side < COMPARE_SIDES; side++)
        g_clear_pointer(&ret[side], g_array_unref);
    return FALSE;
}
