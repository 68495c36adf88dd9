/*
 * The comparison of a flow's two tables, whoever asks for it (verify.h for a rewrite's runner; `pgseam verify`).
 *
 * 1. Both tables are read once by ctid ranges, in parallel, each range in a short transaction of its own: XOR and
 * number of the rows in each bucket. No difference: equal.
 * 2. Rows that changed meanwhile are why buckets differ, and their keys are dirty. So read again, only the buckets that
 *    differ and without the keys that are dirty by now, in other and more buckets; again and again, until what is left
 *    can be listed: the set shrinks each time by what was not written to.
 * 3. Of the list, keys of which both sides do not have the same: explained if they have become dirty since; else they
 *    are read again from both sides under one snapshot, and what differs there and is not dirty is a difference.
 *
 * Memory: 24 bytes for each of at most 2^20 buckets, 16 for each of at most 800,000 rows that are listed, and what the
 * statements in flight return, at most 100,000 rows each.
 */
#ifndef PGSEAM_REWRITE_COMPARE_H
#define PGSEAM_REWRITE_COMPARE_H

#include "rewrite/verify.h"
#include "rewrite/workers.h"

/* Where and for whom; everything is the caller's and is used in the caller's thread, but for the workers' sessions. */
typedef struct CompareHost {
    DbConn *conn; /* with no transaction open */
    Workers *workers;
    int jobs;
    /* What the flow's expressions are evaluated under, as in copy and catch-up. */
    const char *search_path;
    const char *time_zone;
    const char *date_style;
    /* Wait until all changes that are visible now are in the dirty table; the target stands still meanwhile. NULL if
     * somebody else captures and applies: then what differs is looked at again for `patience_ms`. */
    gboolean (*sync)(gpointer data, GError **error);
    int patience_ms;
    gboolean (*sleep)(gpointer data, int milliseconds, GError **error); /* with ticks; used without sync only */
    void (*progress)(gpointer data, double blocks, double total); /* begun anew with 0; NULL: nobody wants to know */
    gpointer data;
} CompareHost;

/*
 * Compare. TRUE says that it was done: equal if ret->n_differences is 0. Errors: SEAM_ERROR_DRIFT if the target is not
 * what the flow says; SEAM_ERROR_FAILED if the rows change faster than they can be compared; those of db_query(), an
 * expression of the flow that fails on a row among them.
 */
gboolean compare_flow(const CompareHost *host, const Flow *flow, VerifyReport *ret, GError **error);

#endif
