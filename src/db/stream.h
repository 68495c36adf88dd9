/*
 * A replication connection: makes a logical slot with the output plugin pgoutput and reads what it decodes.
 *
 * Law: reading never blocks; whoever reads polls, sends stream_confirm() often enough for wal_sender_timeout, and
 * confirms a position only when all before it is durable elsewhere. What has not been read stays in the socket: that is
 * the back pressure. Text of values comes in the same pinned settings as in other sessions (conn.h).
 *
 * Source: manual, "Streaming Replication Protocol" and "Logical Streaming Replication Protocol".
 */
#ifndef PGSEAM_DB_STREAM_H
#define PGSEAM_DB_STREAM_H

#include "db/conn.h"

typedef struct DbStream DbStream;

/*
 * Open a replication connection to the database of `target` (as db_open()). The settings are set by ordinary statements
 * on it, so that options of the user's own (PGOPTIONS, `options=`) stay. Errors: SEAM_ERROR_LOST if the server cannot
 * be reached, or lets no replication connection in (no right, no pg_hba entry, max_wal_senders; the message says
 * which); SEAM_ERROR_REFUSED behind a pooler.
 */
DbStream *stream_open(const char *target, const char *application_name, GError **error);
void stream_close(DbStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DbStream, stream_close)

int stream_backend_pid(const DbStream *stream);

/*
 * CREATE_REPLICATION_SLOT name LOGICAL pgoutput without a snapshot. Waits until each transaction of the whole cluster
 * that runs now has ended; `tick` is called every `tick_ms` meanwhile and may end the wait, as in conn.h. Whatever ends
 * it, the server removes the half-made slot. *ret_lsn (may be NULL): where the slot begins. Errors: SEAM_ERROR_SQL,
 * SEAM_ERROR_LOST, the tick's.
 */
typedef struct StreamWait {
    unsigned tick_ms;
    DbTick tick;
    gpointer data;
} StreamWait;
gboolean stream_create_slot(DbStream *stream, const char *slot, const StreamWait *wait, guint64 *ret_lsn,
                            GError **error);

/* START_REPLICATION from where the slot was confirmed: protocol version 1 (whole transactions, in the order of their
 * commits), with messages of pg_logical_emit_message(). Errors: SEAM_ERROR_SQL (55006: another session reads the slot;
 * 55000: it is invalidated; 42704: there is none), SEAM_ERROR_LOST. */
gboolean stream_start(DbStream *stream, const char *slot, const char *publication, GError **error);

typedef enum StreamKind { STREAM_NOTHING, STREAM_DATA, STREAM_KEEPALIVE } StreamKind;

typedef struct StreamItem {
    StreamKind kind;      /* STREAM_NOTHING: there is nothing to be read now */
    guint64 lsn;          /* STREAM_KEEPALIVE: all that was committed before this position has been sent */
    gboolean wants_reply; /* STREAM_KEEPALIVE: the server wants a stream_confirm() now */
    const guint8 *data;   /* STREAM_DATA: one message of pgoutput; the stream's, until the next call */
    gsize length;
} StreamItem;

/* The next message, if one is there. Errors: SEAM_ERROR_SQL or SEAM_ERROR_LOST; the stream is of no use afterwards. */
gboolean stream_next(DbStream *stream, StreamItem *ret, GError **error);

/* Wait until something can be read, at most `timeout_ms`. Nothing is read yet. */
void stream_wait(DbStream *stream, int timeout_ms);

/* Standby status update: all before `lsn` is safe elsewhere and the server may forget it. SEAM_ERROR_LOST. */
gboolean stream_confirm(DbStream *stream, guint64 lsn, GError **error);

/* "16/B374D848" as a number. FALSE if it is no position. */
gboolean lsn_parse(const char *text, guint64 *ret_lsn);

#endif
