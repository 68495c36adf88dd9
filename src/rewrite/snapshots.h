/*
 * Transactions whose snapshot is older than the shadow. A REPEATABLE READ transaction that began before the rows came
 * and first reads the table after the cut-over would find it empty: five of five peers let that happen. So the cut-over
 * waits for them.
 */
#ifndef PGSEAM_REWRITE_SNAPSHOTS_H
#define PGSEAM_REWRITE_SNAPSHOTS_H

#include "rewrite/rewrite.h"

/* A moment: later snapshots see all that is in the shadow now. */
typedef struct SnapshotMark {
    char *time;
    char *xid;
} SnapshotMark;

void snapshot_mark_clear(SnapshotMark *mark);

/* Take the mark: all that has been committed is behind it. */
gboolean snapshots_mark(Rewrite *rewrite, SnapshotMark *ret, GError **error);

/* Wait until nobody holds a snapshot from before the mark, catching up meanwhile; who is waited for is told. After
 * options.snapshot_wait_ms: SEAM_ERROR_LOCK, or go on with a line that says so where the policy is to proceed. */
gboolean snapshots_wait(Rewrite *rewrite, const SnapshotMark *mark, GError **error);

/*
 * Under the lock, with nothing dirty left: wait until those who took a snapshot while the last keys were applied have
 * ended, or they would read rows that are older than their snapshot; those who begin now see everything, and those who
 * wait for our lock are let through. SEAM_ERROR_LOCK if they have not ended by `deadline` (monotonic microseconds),
 * unless the policy is to proceed.
 */
gboolean snapshots_pass(Rewrite *rewrite, gint64 deadline, GError **error);

#endif
