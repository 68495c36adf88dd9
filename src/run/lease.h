/*
 * Who may write. A migration is run by one pgseam at a time, and a table belongs to one migration at a time.
 *
 * Law: the runner holds a fencing token. Each transaction that writes locks the token's row FOR SHARE and finds its own
 * token in it, or fails; a take-over raises the token under a row lock, so once it has committed no older writer can
 * commit any more. Work that cannot be in a transaction is fenced by ending the older runner's sessions.
 *
 * A runner is alive while its control session is (pg_stat_activity, pid and backend_start). If it lives but its
 * heartbeat stands still for the lease timeout (a frozen process, a cut network), it is taken over.
 */
#ifndef PGSEAM_RUN_LEASE_H
#define PGSEAM_RUN_LEASE_H

#include "run/run.h"

/* Become the runner of run->migration. What `control` writes into the journal carries the token, too (pgseam.token).
 * Waits for a heartbeat that stands still up to the lease timeout. Errors: SEAM_ERROR_FENCED, naming the one that runs
 * it. `command` is what the runner shows as doing ("start"). */
gboolean lease_take(Run *run, const char *command, GError **error);

/* Give it back; no error, since it is what one does on the way out. */
void lease_release(Run *run);

/* Inside a transaction on `work`, right after BEGIN: check the token, hold it until the end, and set what the
 * transaction runs under: the plan's search_path and TimeZone, synchronous_commit = local, and the limits. */
gboolean lease_fence(Run *run, const RunLimits *limits, GError **error);

/* The same on another session of ours. */
gboolean lease_fence_on(Run *run, DbConn *conn, const RunLimits *limits, GError **error);

/* Write down that a further session is ours: whoever takes over ends it. SEAM_ERROR_FENCED if somebody has. */
gboolean lease_add_session(Run *run, const DbConn *conn, GError **error);

/* The same check outside of a transaction, on `work`. */
gboolean lease_check(Run *run, GError **error);

/* Tell that we live, at most once a second. */
gboolean lease_heartbeat(Run *run, GError **error);

/* After run_reopen(): sessions of ours that were lost are ended, the token is raised, and the new pids are written
 * down. SEAM_ERROR_FENCED if the migration has been taken over meanwhile. */
gboolean lease_adopt_sessions(Run *run, GError **error);

#endif
