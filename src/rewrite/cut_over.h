/*
 * The cut-over: the last dirty keys are applied under a lock that lets readers pass, then the tables change places.
 * Back again the same way, with the roles exchanged.
 */
#ifndef PGSEAM_REWRITE_CUT_OVER_H
#define PGSEAM_REWRITE_CUT_OVER_H

#include "rewrite/rewrite.h"

/* Keep catching up while the cut-over is postponed; then exchange the tables, with the reverse capture in place from
 * the first write on; then take the forward capture away. Goes on wherever it was. Errors: SEAM_ERROR_LOCK with who is
 * in the way, SEAM_ERROR_DRIFT if somebody changed the table meanwhile. */
gboolean cut_over(Rewrite *rewrite, const Step *step, GError **error);

/* After the cut-over: bring the old table up to date and put it back into its place; the foreign keys are proven again.
 * Nothing that was written since is lost. */
gboolean cut_back(Rewrite *rewrite, const Step *step, GError **error);

/* Prove the foreign keys, in either direction, that an exchange has left NOT VALID although they were proven: all of
 * them, or those for which the plan has no foreign_key.validate of its own. */
gboolean cut_over_validate(Rewrite *rewrite, const Step *step, gboolean is_with_planned, GError **error);

/* Whether there are such foreign keys. */
gboolean cut_over_is_unproven(Rewrite *rewrite, gboolean *ret_unproven, GError **error);

#endif
