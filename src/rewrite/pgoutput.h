/*
 * Messages of the output plugin pgoutput, protocol version 1, decoded. Pure.
 *
 * Law: any bytes are decoded or refused; nothing is read outside of them, and nothing is guessed: an unknown kind, a
 * count that does not fit or bytes left over are errors. What a decoded message points to lies in the bytes that were
 * given, and lives as long as they do.
 *
 * Source: manual, "Logical Replication Message Formats"; src/backend/replication/logical/proto.c.
 */
#ifndef PGSEAM_REWRITE_PGOUTPUT_H
#define PGSEAM_REWRITE_PGOUTPUT_H

#include <glib.h>

/* The letters of the protocol. */
typedef enum PgoKind {
    PGO_BEGIN = 'B',
    PGO_COMMIT = 'C',
    PGO_ORIGIN = 'O',
    PGO_RELATION = 'R',
    PGO_TYPE = 'Y',
    PGO_INSERT = 'I',
    PGO_UPDATE = 'U',
    PGO_DELETE = 'D',
    PGO_TRUNCATE = 'T',
    PGO_MESSAGE = 'M',
} PgoKind;

/* What a column of a row carries. */
typedef enum PgoValueKind { PGO_NULL = 'n', PGO_UNCHANGED = 'u', PGO_TEXT = 't', PGO_BINARY = 'b' } PgoValueKind;

typedef struct PgoValue {
    PgoValueKind kind;
    const char *data; /* PGO_TEXT, PGO_BINARY: not ended by a zero byte */
    guint32 length;
} PgoValue;

/* What stands before the new row of an UPDATE, or is the row of a DELETE. */
typedef enum PgoOldKind {
    PGO_OLD_NONE = 0,  /* UPDATE: no column of the replica identity changed */
    PGO_OLD_KEY = 'K', /* the columns of the replica identity; the others are NULL */
    PGO_OLD_ROW = 'O', /* the whole row: REPLICA IDENTITY FULL */
} PgoOldKind;

/* A column as the Relation message names it; the columns of rows come in the same order. */
typedef struct PgoColumn {
    gboolean is_key; /* belongs to the replica identity */
    const char *name;
    guint32 type; /* pg_type.oid */
    gint32 modifier;
} PgoColumn;

typedef struct PgoMessage {
    PgoKind kind;
    guint64 lsn;    /* BEGIN: of the commit; COMMIT: of the end of the transaction; MESSAGE: of the message */
    guint32 xid;    /* BEGIN */
    guint32 oid;    /* RELATION, TYPE, INSERT, UPDATE, DELETE */
    gint64 time_us; /* BEGIN, COMMIT: microseconds since 2000-01-01 */
    guint8 flags;   /* TRUNCATE: 1 CASCADE, 2 RESTART IDENTITY */
    char identity;  /* RELATION: pg_class.relreplident */
    gboolean is_transactional; /* MESSAGE */
    const char *schema;        /* RELATION, TYPE; "": pg_catalog */
    const char *name;          /* RELATION, TYPE, ORIGIN; MESSAGE: its prefix */
    const char *content;       /* MESSAGE: not ended by a zero byte */
    gsize content_length;
    PgoOldKind old_kind; /* UPDATE, DELETE */
    GArray *columns;     /* PgoColumn: RELATION */
    GArray *old_row;     /* PgoValue: UPDATE, DELETE */
    GArray *new_row;     /* PgoValue: INSERT, UPDATE */
    GArray *oids;        /* guint32: TRUNCATE: the relations */
} PgoMessage;

/* A message is decoded into again and again, and keeps its arrays. */
void pgo_message_init(PgoMessage *message);
void pgo_message_clear(PgoMessage *message);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PgoMessage, pgo_message_clear)

/* SEAM_ERROR_FAILED, saying at which byte it is no message of the protocol. */
gboolean pgo_decode(PgoMessage *message, const guint8 *data, gsize length, GError **error);

#endif
