/*
 * Gathering: what the replication stream says of one table goes, as keys, into a backlog. Pure.
 *
 * Law: a change of which the key is not known for certain is an error, never left out.
 */
#ifndef PGSEAM_REWRITE_GATHER_H
#define PGSEAM_REWRITE_GATHER_H

#include "rewrite/backlog.h"

typedef struct Gather {
    guint32 oid;          /* the table */
    GPtrArray *key_names; /* char *: the columns of its key */
    gboolean is_deaf;     /* its changes are not wanted any more */
    Backlog *backlog;
    PgoMessage message;
    GArray *places;   /* guint: where the stream's rows have the key columns; empty until it has said */
    guint n_columns;  /* of the stream's rows */
    char *token;      /* content of a transactional message with GATHER_PREFIX that is waited for, or NULL ... */
    gboolean in_open; /* ... it is in the transaction that is coming in ... */
    gboolean is_seen; /* ... and that was committed */
} Gather;

#define GATHER_PREFIX "pgseam"

/* `key_names` is taken over. */
void gather_init(Gather *gather, guint32 oid, GPtrArray *key_names);
void gather_clear(Gather *gather);

/* A stream begins anew, at an earlier place: what was delivered is forgotten, and so is the token, since its commit may
 * have been confirmed and then does not come again. */
void gather_restart(Gather *gather);

/* From now on wait for a message with this content. */
void gather_expect(Gather *gather, const char *token);

/* One message of pgoutput. Errors: SEAM_ERROR_FAILED for what is not of the protocol; SEAM_ERROR_DRIFT where the table
 * is no longer the one that was published. */
gboolean gather_message(Gather *gather, const guint8 *data, gsize length, GError **error);

#endif
