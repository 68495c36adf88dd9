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

#endif
