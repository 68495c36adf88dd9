/*
 * Which transactions a snapshot sees. Pure: what pg_visible_in_snapshot() does, for the 32-bit ids of the replication
 * stream.
 */
#ifndef PGSEAM_REWRITE_SNAPSHOT_H
#define PGSEAM_REWRITE_SNAPSHOT_H

#include <glib.h>

typedef struct Snapshot {
    guint64 xmin;    /* all before it have ended */
    guint64 xmax;    /* none from it on had ended */
    GArray *running; /* guint64, ascending: those between the two that had not ended; without subtransactions */
} Snapshot;

void snapshot_clear(Snapshot *snapshot);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Snapshot, snapshot_clear)

/* From the text of a pg_snapshot, "xmin:xmax:xip,xip" (manual, table 9.81). SEAM_ERROR_FAILED if it is none. */
gboolean snapshot_parse(Snapshot *snapshot, const char *text, GError **error);

/* The whole id of a top-level transaction of which the stream tells the lower 32 bits. Transactions that live at the
 * same time lie within 2^31 of each other, so it is the one that is nearest to xmax, before or behind it. */
guint64 snapshot_whole_xid(const Snapshot *snapshot, guint32 xid);

/* Whether what the transaction (known to have committed) did is seen. */
gboolean snapshot_sees(const Snapshot *snapshot, guint32 xid);

#endif
