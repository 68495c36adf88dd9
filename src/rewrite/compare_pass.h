/*
 * One pass over both tables: by ctid ranges of about a second, on the workers.
 */
#ifndef PGSEAM_REWRITE_COMPARE_PASS_H
#define PGSEAM_REWRITE_COMPARE_PASS_H

#include "rewrite/buckets.h"
#include "rewrite/compare.h"
#include "rewrite/compare_sql.h"

#define COMPARE_LEVELS    12
#define COMPARE_MOST_LIST 400000 /* rows of one side that are listed */

/* What is compared, and how far it is narrowed down. */
typedef struct Compare {
    const CompareHost *host;
    const Flow *flow;
    VerifyReport *report;
    CompareSql *sql;
    double rows; /* about how many of a side pass the filters */
    guint buckets[COMPARE_LEVELS];
    GPtrArray *filters; /* char *: the bitmap of each level so far */
} Compare;

/* Both sides' buckets of the rows that pass the filters; no dirty ones once there is a filter. The caller frees. */
gboolean compare_pass_scan(Compare *compare, guint buckets, Tally *ret[COMPARE_SIDES], GError **error);

/* Both sides' rows (RowHash) that pass the filters and are not dirty; of the keys in `keys` (gint64) only, unless it is
 * NULL. *ret_is_whole FALSE: there are too many of them, and the lists are not whole. The caller unrefs. */
gboolean compare_pass_list(Compare *compare, const GArray *keys, GArray *ret[COMPARE_SIDES], gboolean *ret_is_whole,
                           GError **error);

/* BEGIN with what all statements of a comparison run under; `is_snapshot`: one snapshot for all of them. */
gboolean compare_begin(const CompareHost *host, DbConn *conn, gboolean is_snapshot, GError **error);

/* What of `keys` (gint64) is no explained difference: report->differences. Steals `keys`. In compare_explain.c. */
gboolean compare_explain(Compare *compare, GArray *keys, GError **error);

/* Keys as a parameter: '{1,-2}'. The caller frees. */
char *compare_keys_text(const GArray *keys, guint first, guint n);

#endif
