/*
 * The backlog: keys that the replication stream has delivered and that are not in the dirty table yet. Pure.
 *
 * A commit is delivered before it is visible to others, for as long as a synchronous standby stalls. So keys wait here
 * with their transaction until a snapshot sees it; then they are given out, in no particular order (they are a set).
 *
 * Law: backlog_safe_lsn() never passes a transaction of which a key is still here or given out but not known to be
 * durable: what lies before it may be forgotten by the server.
 */
#ifndef PGSEAM_REWRITE_BACKLOG_H
#define PGSEAM_REWRITE_BACKLOG_H

#include "rewrite/pgoutput.h"
#include "rewrite/snapshot.h"

typedef struct Backlog Backlog;

/* For keys of that many columns. */
Backlog *backlog_new(guint n_columns);
void backlog_free(Backlog *backlog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Backlog, backlog_free)

/* The stream, in its order. The calls between begin and commit belong to that transaction. FALSE with
 * SEAM_ERROR_FAILED where the order is not that of the protocol. */
gboolean backlog_begin(Backlog *backlog, guint32 xid, GError **error);
gboolean backlog_key(Backlog *backlog, const PgoValue *columns, GError **error);
gboolean backlog_truncate(Backlog *backlog, GError **error);
gboolean backlog_commit(Backlog *backlog, guint64 end_lsn, GError **error);

/* All that was committed before `lsn` has been delivered. */
void backlog_keepalive(Backlog *backlog, guint64 lsn);

/* What it keeps in memory, in bytes, and whether there is anything at all to be given out. */
gsize backlog_bytes(const Backlog *backlog);
gboolean backlog_has_work(const Backlog *backlog);

/* Keys that go into the dirty table together. */
typedef struct BacklogBatch {
    GPtrArray *columns;    /* of GPtrArray of char *: for each key column its values */
    guint n;               /* keys; each once */
    gboolean is_truncated; /* the table was truncated */
} BacklogBatch;

void backlog_batch_clear(BacklogBatch *batch);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BacklogBatch, backlog_batch_clear)

/* At most `most` keys of transactions that `snapshot` sees. Empty (n 0, not truncated): there are none. Then say what
 * became of it, before the next: backlog_done() that it is durable, or backlog_put_back(). */
void backlog_take(Backlog *backlog, const Snapshot *snapshot, guint most, BacklogBatch *ret);
void backlog_done(Backlog *backlog);
void backlog_put_back(Backlog *backlog);

/* 0: nothing is known yet. */
guint64 backlog_safe_lsn(const Backlog *backlog);

#endif
