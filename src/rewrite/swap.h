/*
 * The catalog part of the cut-over: the table in the rewrite's schema takes the place of the one that the application
 * uses, with all that hangs on it. The same forward (shadow for source) and backward (old for new).
 */
#ifndef PGSEAM_REWRITE_SWAP_H
#define PGSEAM_REWRITE_SWAP_H

#include "rewrite/rewrite.h"

typedef enum SwapDirection { SWAP_FORWARD, SWAP_BACK } SwapDirection;

/*
 * Whether the cut-over could move everything that hangs on the source: SEAM_ERROR_REFUSED with what it cannot, and the
 * way out. Only reads; called at the beginning and before each attempt.
 */
gboolean swap_check(Rewrite *rewrite, DbConn *conn, GError **error);

/*
 * The relations that the cut-over locks beside the two tables (inbound and outbound foreign keys' tables, sequences,
 * views), as they are now, added to the locks of `step` with their modes. Only reads.
 */
gboolean swap_add_locks(Rewrite *rewrite, DbConn *conn, SwapDirection direction, Step *step, GError **error);

/*
 * The shadow is finished, but for ANALYZE, which must come after this: it gets the extended statistics of the source
 * (in the rewrite's schema until the swap). What it is made like: everything of the source that belongs to its shape,
 * as lines, kept in the journal (pgseam.rewrite.shape) when the shadow is finished; swap_check() and swap_catalog()
 * compare with it, so that somebody else's change of the source is carried over or stops the cut-over
 * (SEAM_ERROR_DRIFT), never undone. `conn` may be in a transaction. SEAM_ERROR_REFUSED if a foreign key refers to
 * columns that are not unique in the shadow.
 */
gboolean swap_note_shape(Rewrite *rewrite, DbConn *conn, GError **error);

/*
 * On run->work, outside of a transaction, without any lock that is felt: ask once what swap_catalog() will ask, so that
 * nothing is planned or read from disk under the lock (80 of 107 ms were). Before each attempt.
 */
gboolean swap_warm(Rewrite *rewrite, SwapDirection direction, GError **error);

/*
 * In the open transaction on run->work, which holds SHARE ROW EXCLUSIVE on the application's table and nothing dirty is
 * left: take ACCESS EXCLUSIVE, exchange the tables, move all dependants, compare the inventory before and after;
 * SEAM_ERROR_DRIFT if anything is missing. Foreign keys come back NOT VALID. The caller commits. Makes no decision
 * about rows.
 */
gboolean swap_catalog(Rewrite *rewrite, SwapDirection direction, GError **error);

#endif
