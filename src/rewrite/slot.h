/*
 * The slot and the publication of a rewrite (both of one name, Rewrite.slot): whether they can be, made, looked at,
 * removed. They are all that logical capture leaves on the server.
 *
 * Law: the name is in the journal before either exists. The publication is there before the slot, since the slot's
 * reader looks it up as it was at the place of the log that is read; and goes after it.
 */
#ifndef PGSEAM_REWRITE_SLOT_H
#define PGSEAM_REWRITE_SLOT_H

#include "rewrite/rewrite.h"

/* Whether the source's changes can be read from the log: *ret_why (freed by the caller) says why not, or NULL. Tries
 * a replication connection, since only that tells whether the role may. */
gboolean slot_check(Rewrite *rewrite, char **ret_why, GError **error);

/*
 * Publish the source: of 15 on with the columns of its replica identity alone, so that no other value travels. Never
 * makes an UPDATE or DELETE of the application fail: that needs a replica identity (src/backend/executor/
 * execReplication.c, CheckCmdReplicaIdentity) and a column list that covers it, which REPLICA IDENTITY FULL has not.
 * SHARE UPDATE EXCLUSIVE, under the guard. SEAM_ERROR_REFUSED where slot_check() says no.
 */
gboolean slot_publish(Rewrite *rewrite, const Step *step, GError **error);

/*
 * Make the slot. Waits for all transactions of the cluster that run now, at most lock_deadline_s, and says for whom:
 * SEAM_ERROR_LOCK then. Whatever ends it, no slot is left.
 */
gboolean slot_make(Rewrite *rewrite, GError **error);

/* Wait until each later snapshot sees all transactions that the slot does not deliver (design 6.2, barrier a), at most
 * lock_deadline_s: SEAM_ERROR_LOCK with those who are in the way. */
gboolean slot_barrier(Rewrite *rewrite, GError **error);

typedef struct SlotState {
    gboolean is_there;
    gboolean is_complete;   /* FALSE while it is being made */
    gboolean is_lost;       /* the server has removed what was not read yet */
    gboolean is_in_danger;  /* it will, at its next checkpoint */
    int active_pid;         /* of who reads it; 0: nobody */
    gint64 behind_bytes;    /* of the log, not confirmed yet */
    gint64 kept_bytes;      /* of the log, kept for it */
    gboolean is_published;  /* the publication is there, and gives all changes of the table */
    char *publication_mark; /* other text: somebody has changed it */
    char *identity_mark;    /* other text: the table has another replica identity */
    char *keep_size;        /* max_slot_wal_keep_size */
    int sync_priority;      /* > 0: whoever reads it counts as a synchronous standby */
} SlotState;

void slot_state_clear(SlotState *state);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SlotState, slot_state_clear)

/* Look, on `conn`. Only a slot of this database counts. */
gboolean slot_look(const Rewrite *rewrite, DbConn *conn, SlotState *ret, GError **error);

/* Changes of the source have been missed: SEAM_ERROR_FAILED that says why and what to do. FALSE if none have. */
gboolean slot_is_lost(const Rewrite *rewrite, const SlotState *state, GError **error);

/* Remove slot and publication, whatever there is of them; whoever reads the slot is ended. SEAM_ERROR_FAILED if that
 * takes more than some seconds. */
gboolean slot_remove(Rewrite *rewrite, GError **error);

/* "pgseam_<oid of the database>_<table>_<hash>": the same each time, at most 63 of a-z, 0-9 and _. The caller frees. */
char *slot_name(const char *database_oid, gint64 migration, const char *rewrite, const char *table);

#endif
