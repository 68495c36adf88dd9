#include "rewrite/compare.h"

#include "base/error.h"
#include "rewrite/compare_pass.h"

/* The first pass: as many buckets as cost little, since each range sends all of them. The others: a bucket for a few
 * rows. */
#define ROWS_OF_FIRST   16
#define LEAST_OF_FIRST  1024
#define MOST_OF_FIRST   8192
#define ROWS_OF_NEXT    4
#define LEAST_OF_NEXT   32768
#define MOST_OF_NEXT    (1 << 20)
#define ROWS_OF_A_BLOCK 50 /* where nothing was counted yet */
#define ATTEMPTS        5  /* where the files are exchanged meanwhile */

static void
compare_clear(Compare *compare)
{
    g_clear_pointer(&compare->sql, compare_sql_free);
    g_clear_pointer(&compare->filters, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Compare, compare_clear)

/* The files of both tables and an estimate of their rows. */
static gboolean
read_files(Compare *compare, gint64 files[COMPARE_SIDES], GError **error)
{
    static const char query[] =
        "SELECT pg_catalog.pg_relation_filenode(c.oid) AS file, CASE WHEN c.reltuples > 0 THEN c.reltuples ELSE "
        "pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::float8 * $3::float8 END AS "
        "rows "
        "FROM (VALUES (1, $1::oid), (2, $2::oid)) AS v(n, oid) LEFT JOIN pg_catalog.pg_class AS c ON c.oid = v.oid "
        "ORDER BY v.n";
    g_autofree char *source = db_int_text(compare->flow->source_oid);
    g_autofree char *target = db_int_text(compare->flow->target_oid);
    g_autoptr(DbResult) rows =
        db_query(compare->host->conn, query, DB_ARGS(source, target, G_STRINGIFY(ROWS_OF_A_BLOCK)), error);

    if (rows == NULL)
        return FALSE;
    compare->rows = 0;
    for (int side = 0; side < COMPARE_SIDES; side++) {
        files[side] = db_int(rows, side, "file");
        compare->rows = MAX(compare->rows, db_double(rows, side, "rows"));
    }
    return TRUE;
}

/* Add the filter of what differed. *ret_rows: about how many rows of a side pass it; 0 if nothing differed. */
static gint64
narrow(Compare *compare, const Tally *source, const Tally *target, gint64 *ret_buckets)
{
    gint64 rows;
    char *bitmap = buckets_differing(source, target, ret_buckets, &rows);

    compare->buckets[compare->filters->len] = source->n;
    g_ptr_array_add(compare->filters, bitmap);
    compare->rows = (double)rows / COMPARE_SIDES;
    return *ret_buckets > 0 ? MAX(rows / COMPARE_SIDES, 1) : 0;
}

static gboolean
scan(Compare *compare, guint buckets, gint64 *ret_rows, GError **error)
{
    Tally *tallies[COMPARE_SIDES];
    gboolean is_first = compare->filters->len == 0;
    VerifyReport *report = compare->report;
    gint64 differing;

    if (!compare_pass_scan(compare, buckets, tallies, error))
        return FALSE;
    *ret_rows = narrow(compare, tallies[COMPARE_SOURCE], tallies[COMPARE_TARGET], &differing);
    if (is_first) {
        report->source_rows = tally_rows(tallies[COMPARE_SOURCE]);
        report->target_rows = tally_rows(tallies[COMPARE_TARGET]);
        report->buckets = buckets;
        report->differing = differing;
        report->hash = tally_hash(tallies[COMPARE_TARGET]);
    }
    for (int side = 0; side < COMPARE_SIDES; side++)
        tally_free(tallies[side]);
    return TRUE;
}

/* *ret_keys NULL: there were too many rows for a list. */
static gboolean
list(Compare *compare, GArray **ret_keys, GError **error)
{
    GArray *lists[COMPARE_SIDES];
    gboolean is_whole;

    *ret_keys = NULL;
    if (!compare_pass_list(compare, NULL, lists, &is_whole, error))
        return FALSE;
    if (is_whole)
        *ret_keys = rows_differing(lists[COMPARE_SOURCE], lists[COMPARE_TARGET]);
    for (int side = 0; side < COMPARE_SIDES; side++)
        g_array_unref(lists[side]);
    return TRUE;
}

static gboolean
compare_once(Compare *compare, GError **error)
{
    const CompareHost *host = compare->host;
    guint buckets = buckets_for((gint64)compare->rows, ROWS_OF_FIRST, LEAST_OF_FIRST, MOST_OF_FIRST);
    gint64 rows;

    while (compare->filters->len < COMPARE_LEVELS) {
        GArray *keys = NULL;

        if (!scan(compare, buckets, &rows, error))
            return FALSE;
        if (rows == 0)
            return TRUE;
        if (host->sync != NULL && !host->sync(host->data, error))
            return FALSE;
        if (rows <= COMPARE_MOST_LIST && !list(compare, &keys, error))
            return FALSE;
        if (keys != NULL)
            return compare_explain(compare, keys, error);
        buckets = buckets_for(rows, ROWS_OF_NEXT, LEAST_OF_NEXT, MOST_OF_NEXT);
    }
    seam_error_set(error, SEAM_ERROR_FAILED, "the rows of %s change faster than they can be compared",
                   compare->flow->source);
    seam_error_hint(error, "compare when fewer rows change at a time, or with more sessions (--copy-jobs)");
    return FALSE;
}

/* VACUUM FULL, CLUSTER and TRUNCATE by somebody else give the table a new file, with the rows in other blocks: ranges
 * of the old one prove nothing about it. */
static gboolean
compare_until_same_files(Compare *compare, GError **error)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        gint64 before[COMPARE_SIDES];
        gint64 after[COMPARE_SIDES];

        verify_report_clear(compare->report);
        g_ptr_array_set_size(compare->filters, 0);
        if (!read_files(compare, before, error) || !compare_once(compare, error) || !read_files(compare, after, error))
            return FALSE;
        if (before[COMPARE_SOURCE] == after[COMPARE_SOURCE] && before[COMPARE_TARGET] == after[COMPARE_TARGET])
            return TRUE;
    }
    seam_error_set(error, SEAM_ERROR_FAILED, "%s was rewritten or truncated by somebody else each time it was compared",
                   compare->flow->source);
    return FALSE;
}

gboolean
compare_flow(const CompareHost *host, const Flow *flow, VerifyReport *ret, GError **error)
{
    g_auto(Compare) compare = {.host = host, .flow = flow, .report = ret};
    g_autoptr(GHashTable) types = compare_types(host->conn, flow->target_oid, error);
    gint64 begin = g_get_monotonic_time();

    if (types == NULL)
        return FALSE;
    compare.filters = g_ptr_array_new_with_free_func(g_free);
    compare.sql = compare_sql_new(flow, types, error);
    if (compare.sql == NULL || !compare_until_same_files(&compare, error))
        return FALSE;
    ret->seconds = (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC;
    return TRUE;
}
