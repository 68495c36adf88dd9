/*
 * Catch-up: dirty keys are taken out of their table, the target's rows of these keys are replaced by what the source
 * has now. One batch is one REPEATABLE READ transaction, so keys and rows are those of one snapshot; killed anywhere,
 * the keys are still there.
 */
#ifndef PGSEAM_REWRITE_APPLY_H
#define PGSEAM_REWRITE_APPLY_H

#include "rewrite/rewrite.h"

/* One batch of at most `most` entries. *ret_taken: how many there were; 0: nothing was dirty. Errors: a change that the
 * target refuses is SEAM_ERROR_FAILED with the rows named. */
gboolean apply_batch(Rewrite *rewrite, const Flow *flow, int most, int *ret_taken, GError **error);

/* Batches until a whole round finds fewer than `enough` entries; with the throttle between them if `is_throttled`. */
gboolean apply_until(Rewrite *rewrite, const Flow *flow, int enough, gboolean is_throttled, GError **error);

#endif
