/*
 * Verification: source and target are equal, row for row, but for what is still dirty. Algorithm: design 6.6.
 */
#ifndef PGSEAM_REWRITE_VERIFY_H
#define PGSEAM_REWRITE_VERIFY_H

#include "rewrite/rewrite.h"

typedef struct VerifyReport {
    gint64 source_rows; /* compared */
    gint64 target_rows;
    gint64 buckets;
    gint64 differing; /* buckets that differed at first: rows changed while we looked */
    gint64 explained; /* keys that differed and were dirty */
    double seconds;
    char *hash; /* SHA-256 of the target's buckets, for the certificate */
    gint64 n_differences;
    GPtrArray *differences; /* text for each of the first twenty: "(id)=(5): amount, note differ"; NULL: none */
} VerifyReport;

void verify_report_clear(VerifyReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VerifyReport, verify_report_clear)

/* "shop.orders and pgseam_x.orders are equal". The caller frees. */
char *verify_report_text(const VerifyReport *report, const Flow *flow);

/* The same as an error, SEAM_ERROR_FAILED with the differing keys as its detail; for a report with differences. */
void verify_report_error(const VerifyReport *report, const Flow *flow, GError **error);

/*
 * Compare. No catch-up runs meanwhile (the caller's thread is here). SEAM_ERROR_FAILED with the differing keys (the
 * first twenty) if a difference is not explained by the dirty set, and if the source was truncated meanwhile; the
 * report is set in both cases. Progress is shown. How: compare.h.
 *
 * Compared are the columns that the flow fills. Generated columns are not among them: the server computes them on each
 * side from columns that are.
 */
gboolean verify_flow(Rewrite *rewrite, const Flow *flow, VerifyReport *ret, GError **error);

/*
 * The same for who does not run the migration, and so writes nothing: beside the runner, at any time once the copy is
 * complete, and after the cut-over with the tables in their new places. What differs and is not dirty may be a change
 * that capture has not delivered yet: it is looked at again for a second, where a slot is read for 15 s. What differs
 * then in one snapshot that shows both tables and the dirty keys is a difference; with capture by triggers, and after
 * the cut-over, nothing else can be.
 *
 * `is_run`: somebody runs the migration. TRUE says that it was compared: see ret->n_differences. *ret_flow belongs to
 * the rewrite. SEAM_ERROR_REFUSED if there is nothing to compare yet or any more, or if nobody reads the slot that
 * holds the changes. An exchange of the tables meanwhile is noticed, and they are compared anew.
 */
gboolean verify_beside(Rewrite *rewrite, gboolean is_run, VerifyReport *ret, const Flow **ret_flow, GError **error);

#endif
