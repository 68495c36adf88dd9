/*
 * Capture: the keys of all rows that change come into the dirty table. Two ways behind one interface; whoever applies
 * or compares does not know which.
 *
 * What holds for both, once capture_start() has returned: each change of the source that is not visible to a snapshot
 * taken now will be in the dirty table. `logical` reads a slot and inserts what has become *visible* (a commit is
 * delivered before it is visible to others: research/ghost-ptosc.md, 0.1); `trigger` lets the application's own
 * transaction insert.
 *
 * TRUNCATE is not a key: it is told by capture_take_truncate().
 */
#ifndef PGSEAM_REWRITE_CAPTURE_H
#define PGSEAM_REWRITE_CAPTURE_H

#include "rewrite/rewrite.h"

typedef struct CaptureOps {
    const char *name; /* in the journal and in options: "logical", "trigger" */

    /* Whether it can work here, for this source and role. *ret_why (freed by the caller) says why not, or NULL. */
    gboolean (*check)(Rewrite *rewrite, char **ret_why, GError **error);

    /* Make it and wait until each later snapshot sees what it does not capture: the barrier. Idempotent: what is there
     * is taken over after a crash, or made anew. The dirty table is there. */
    gboolean (*start)(Rewrite *rewrite, const Step *step, GError **error);

    /* Go on after a restart of pgseam: open what start() made. SEAM_ERROR_FAILED if changes were lost (a slot that is
     * gone or lost): the copy must begin again. */
    gboolean (*open)(Rewrite *rewrite, GError **error);

    /* Do what can be done without waiting; called every few milliseconds from the tick of all waits. */
    gboolean (*pump)(Rewrite *rewrite, GError **error);

    /* Wait until all that is committed and visible now is in the dirty table, at most `timeout_ms` (0: as long as it
     * takes); *ret_synced FALSE if that was not enough. */
    gboolean (*sync)(Rewrite *rewrite, int timeout_ms, gboolean *ret_synced, GError **error);

    /* Whether the source was truncated since the last call. Atomically forgotten in the open transaction of `conn`. */
    gboolean (*take_truncate)(Rewrite *rewrite, DbConn *conn, gboolean *ret_truncated, GError **error);

    /* Take it away, whatever there is of it, also after a crash at any point; not an error if nothing is there. Under
     * the guard where the application can feel it. */
    gboolean (*remove)(Rewrite *rewrite, const Step *step, GError **error);

    /* One line for `status`: "slot pgseam_..., 12 MB behind"; NULL: nothing to say. The caller frees. */
    char *(*describe)(Rewrite *rewrite);

    void (*close)(Rewrite *rewrite); /* sessions only; what is on the server stays */
} CaptureOps;

extern const CaptureOps capture_logical;
extern const CaptureOps capture_trigger;

/* By name; NULL if there is none. */
const CaptureOps *capture_ops(const char *name);

/* Choose: what `options.capture` forces, else logical where it can work, else trigger. *ret_why (freed by the caller)
 * is the reason to be shown. SEAM_ERROR_REFUSED if neither can, or not the forced one. */
const CaptureOps *capture_choose(Rewrite *rewrite, char **ret_why, GError **error);

/* Whether the flow's source was truncated since the last call, whatever captures it; forgotten in the open transaction
 * of `conn`. */
gboolean capture_take_truncate(Rewrite *rewrite, const Flow *flow, DbConn *conn, gboolean *ret_truncated,
                               GError **error);

/*
 * The reverse capture: triggers on the new table, made in the transaction of the cut-over (on `conn`, which holds
 * ACCESS EXCLUSIVE on it), so that from the first write on nothing is missed; whatever captured before. Removed by
 * `complete` and by rollback: under the guard if the application uses the table, which is `is_live`.
 */
gboolean capture_start_reverse(Rewrite *rewrite, DbConn *conn, GError **error);
gboolean capture_remove_reverse(Rewrite *rewrite, const Step *step, gboolean is_live, GError **error);

#endif
