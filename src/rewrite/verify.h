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
    char *hash; /* of all buckets, for the certificate */
} VerifyReport;

void verify_report_clear(VerifyReport *report);

/*
 * Compare. No catch-up runs meanwhile (the caller's thread is here). SEAM_ERROR_FAILED with the differing keys (the
 * first twenty) if a difference is not explained by the dirty set. Progress is shown.
 */
gboolean verify_flow(Rewrite *rewrite, const Flow *flow, VerifyReport *ret, GError **error);

#endif
