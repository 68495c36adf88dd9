/*
 * Keeping writers away from a table without holding a lock that does.
 *
 * The cut-over's session holds SHARE UPDATE EXCLUSIVE on the table, which nobody's reads or writes feel; a second
 * session waits behind it for SHARE ROW EXCLUSIVE. Whoever comes to write queues behind that one (a request that
 * conflicts with one that waits has to wait as well: LockAcquireExtended in src/backend/storage/lmgr/lock.c), whoever
 * reads passes. So the first session can go on to ACCESS EXCLUSIVE, and a session that has read, and writes while we
 * wait, is let through instead of being ended by a deadlock (guard.h); what it wrote has to be looked for then.
 */
#ifndef PGSEAM_REWRITE_WRITERS_H
#define PGSEAM_REWRITE_WRITERS_H

#include "rewrite/rewrite.h"

/* Open the session that will wait, before anything is locked. */
gboolean writers_get_ready(Rewrite *rewrite, GError **error);

/* With run->work holding SHARE UPDATE EXCLUSIVE on the application's table: hold writers up, and wait until those that
 * are at it have ended. SEAM_ERROR_LOCK if they have not by `deadline` (monotonic microseconds). */
gboolean writers_hold_up(Rewrite *rewrite, gint64 deadline, GError **error);

/* SEAM_ERROR_LOCK if somebody who has read the table waits to write to it: he would wait for us, and we for him. */
gboolean writers_check(Rewrite *rewrite, GError **error);

/* Let them go; without effect where they are not held up. */
void writers_let_go(Rewrite *rewrite);

#endif
