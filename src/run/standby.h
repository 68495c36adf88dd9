/*
 * Standbys that were named with --standby: how far they are behind, and who would be in the way there.
 *
 * An ACCESS EXCLUSIVE lock is replayed. A query on the standby that holds the relation then delays replay for up to
 * max_standby_streaming_delay, with everybody who comes after it waiting behind the replayed lock, and is cancelled in
 * the end (manual, section 27.4.2). Weaker modes are not replayed.
 */
#ifndef PGSEAM_RUN_STANDBY_H
#define PGSEAM_RUN_STANDBY_H

#include "run/blockers.h"
#include "run/run.h"

typedef struct StandbyLag {
    const char *label; /* "db2.example" */
    gint64 bytes;      /* of the primary's WAL that are not replayed */
    gint64 ms;         /* age of the last commit replayed; 0 where everything of a moment ago is */
} StandbyLag;

/* That each one answers, and is a standby of this server in this database. SEAM_ERROR_REFUSED otherwise. */
gboolean standby_check(Run *run, GError **error);

/* The one furthest behind, in bytes and in time apart; zeros without standbys. SEAM_ERROR_FAILED, naming it, where one
 * cannot be asked. */
gboolean standby_lag(Run *run, StandbyLag *ret_bytes, StandbyLag *ret_ms, GError **error);

/* Add to `blockers` who is in the way of those of `targets` (LockTarget) that are to be locked ACCESS EXCLUSIVE.
 * SEAM_ERROR_FAILED, naming it, where a standby cannot be asked. */
gboolean standby_blockers(Run *run, const GPtrArray *targets, GPtrArray *blockers, GError **error);

/* The open session on the standby with this label; NULL if it is gone. */
DbConn *standby_session(Run *run, const char *label);

#endif
