/*
 * Catch-up: dirty keys are taken out of their table, the target's rows of these keys are replaced by what the source
 * has now. One batch is one REPEATABLE READ transaction, so keys and rows are those of one snapshot; killed anywhere,
 * the keys are still there.
 */
#ifndef PGSEAM_REWRITE_APPLY_H
#define PGSEAM_REWRITE_APPLY_H

#include "rewrite/rewrite.h"

/* One batch of at most `most` entries. *ret_taken: how many there were; *ret_full: there may be
 * more, also where an error made the batch a smaller one. Errors: a change that the
 * target refuses is SEAM_ERROR_FAILED with the rows named. */
gboolean apply_batch(Rewrite *rewrite, const Flow *flow, int most, int *ret_taken, gboolean *ret_full, GError **error);

/* Batches until a whole round finds at most `enough` entries, or is done with what there is in a few milliseconds; with
 * the throttle between them if `is_throttled`. */
gboolean apply_until(Rewrite *rewrite, const Flow *flow, int enough, gboolean is_throttled, GError **error);

/* One batch in the open transaction of `conn`, which keeps all writers away by its lock: what it takes is one state of
 * the source. If the transaction is rolled back the keys are dirty again. Errors: the server's, as they are. */
gboolean apply_locked(Rewrite *rewrite, const Flow *flow, DbConn *conn, int *ret_taken, GError **error);

/* The same in a transaction of its own, with no statement longer than `limit_ms`: for a session that has the lock and
 * is not in the way of ours. */
gboolean apply_within(Rewrite *rewrite, const Flow *flow, int limit_ms, int *ret_taken, GError **error);

#endif
