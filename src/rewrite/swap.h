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

/* ACCESS EXCLUSIVE on the views that the cut-over drops or replaces, in the open transaction. LOCK TABLE would take the
 * tables that they read along; giving a view the owner that it has takes that lock on the view alone, and changes
 * nothing (ATExecChangeOwner in src/backend/commands/tablecmds.c). */
gboolean swap_lock_views(Rewrite *rewrite, DbConn *conn, SwapDirection direction, GError **error);

/* The local lines of the inventories of source and shadow; the texts belong to the lines. */
typedef struct SwapShape {
    GPtrArray *source; /* char * */
    GPtrArray *shadow;
    GPtrArray *source_lines;
    GPtrArray *shadow_lines;
} SwapShape;
void swap_shape_clear(SwapShape *shape);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SwapShape, swap_shape_clear)

/*
 * The shadow is finished, but for rows and ANALYZE, which must come after this: it gets the extended statistics of the
 * source (in the rewrite's schema until the swap), and everything of both tables that belongs to their shape is read.
 * `conn` is in a transaction. SEAM_ERROR_REFUSED if a foreign key refers to columns that are not unique in the shadow.
 * The caller clears.
 */
gboolean swap_read_shape(Rewrite *rewrite, DbConn *conn, SwapShape *ret, GError **error);

/* Keep it in the journal (pgseam.rewrite.shape): when the shadow is prepared, so that from then on somebody else's
 * change of the source is carried over or stops the rewrite, never undone. */
gboolean swap_store_shape(Rewrite *rewrite, DbConn *conn, const SwapShape *shape, GError **error);

/*
 * The same again when the shadow has its rows and indexes, and whenever indexes were built since: what is read must be
 * what is in the journal, but for indexes that somebody made meanwhile. SEAM_ERROR_DRIFT otherwise.
 */
gboolean swap_note_shape(Rewrite *rewrite, DbConn *conn, GError **error);

/*
 * On run->work, outside of a transaction, without any lock that is felt: ask once what swap_catalog() will ask, so that
 * nothing is planned or read from disk under the lock (80 of 107 ms were). Before each attempt.
 */
gboolean swap_warm(Rewrite *rewrite, SwapDirection direction, GError **error);

/*
 * In the open transaction on run->work, which holds ACCESS EXCLUSIVE on the application's table and nothing dirty is
 * left: lock the shadow, too, exchange the tables, move all dependants, compare the inventory before and after;
 * SEAM_ERROR_DRIFT if anything is missing. Foreign keys come back NOT VALID. The caller commits. Makes no decision
 * about rows.
 */
gboolean swap_catalog(Rewrite *rewrite, SwapDirection direction, GError **error);

/* Whether the table that the application uses still has the shape that is noted of it: SEAM_ERROR_DRIFT with the lines
 * that differ. `conn` has an empty search_path. Only reads. */
gboolean swap_check_unchanged(Rewrite *rewrite, DbConn *conn, GError **error);

#endif
