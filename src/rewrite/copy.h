/*
 * The copy: ranges of blocks, side by side, each a short transaction that also notes the range as done. No snapshot
 * outlives its range, so rows that move meanwhile may be copied twice or not at all: all of them are dirty, and at the
 * end the dirty keys are deleted from the shadow.
 */
#ifndef PGSEAM_REWRITE_COPY_H
#define PGSEAM_REWRITE_COPY_H

#include "rewrite/rewrite.h"

/*
 * Copy what is not copied yet; begins anew if the source's file is another one (VACUUM FULL, CLUSTER, TRUNCATE).
 * Capture has started. Afterwards no key is in the shadow twice, and the journal says is_copied. Errors: a row that the
 * new shape refuses, with what the server says of it.
 */
gboolean copy_rows(Rewrite *rewrite, GError **error);

/* The next number of blocks of a range, from how long the last one took; at least 16, at most 256 MB. Pure. */
gint64 copy_next_blocks(gint64 blocks, double took_ms);

#endif
