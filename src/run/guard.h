/*
 * The guard: the only way to a lock that the application can feel.
 *
 * One attempt is one short transaction on `work`: the fence; "done" into the journal; then, for modes stronger than
 * SHARE UPDATE EXCLUSIVE, first SHARE UPDATE EXCLUSIVE on each target; then the strong lock and the work; commit.
 *
 * The staging lock is what gets us past an ordinary autovacuum without anybody noticing: SHARE UPDATE EXCLUSIVE
 * conflicts with autovacuum's own lock but with no read and no write, so we can wait for it as long as it takes
 * PostgreSQL to cancel the worker (deadlock_timeout, 1 s by default: ProcSleep in src/backend/storage/lmgr/proc.c), and
 * no worker can start again while we hold it. A short lock_timeout on the strong lock alone starves behind autovacuum
 * for ever.
 *
 * The budget bounds waiting and holding of the strong lock together: lock_timeout and statement_timeout in the server,
 * idle_in_transaction_session_timeout against a client that freezes, and a watcher on `watch` that cancels the attempt.
 */
#ifndef PGSEAM_RUN_GUARD_H
#define PGSEAM_RUN_GUARD_H

#include "run/run.h"

/* What is done under the lock, on run->work, in the open transaction. */
typedef gboolean (*GuardWork)(Run *run, const Step *step, GError **error);

/* What the transaction writes into the journal with its work. */
typedef enum GuardNote { GUARD_NOTE_DONE, GUARD_NOTE_UNDONE, GUARD_NOTE_NOTHING } GuardNote;

/*
 * Look, try, back off, until done or the deadline. `step->locks` are the targets. Errors: SEAM_ERROR_LOCK with the
 * blockers at the deadline; whatever the work returns that is not a matter of locks, with nothing changed.
 */
gboolean guard_apply(Run *run, const Step *step, GuardWork work, GuardNote note, GError **error);

/* What shares a transaction: further steps on the same relations in the same modes. */
typedef struct GuardPart {
    const Step *step;
    GuardWork work;
} GuardPart;

/* Several steps (GuardPart) in one attempt and one transaction, in their order, all noted done in it: the application
 * feels one lock instead of several. The locks are those of the first. Errors: as guard_apply(). */
gboolean guard_apply_joined(Run *run, const GPtrArray *parts, GError **error);

/*
 * Work that settles something before it locks. `before` runs without any lock right before each attempt: what shortens
 * the work, and what has to be waited for. `settle` runs with the staging locks only; then all locks are taken, and
 * `work` checks that what was settled still is. `after` runs whatever came of the attempt, when its transaction has
 * ended. Every fourth attempt takes all locks first (run->is_locked_first): those on views by `lock_views`, before
 * their tables, as whoever comes through a view does. While writers are held up there is no way to them: who waits for
 * the table has his view already.
 *
 * There is no way from a lock that keeps writers away to a stronger one on the same table: a session that has read and
 * writes while we wait for it is a deadlock, and PostgreSQL ends it at once, with an error for that session (ProcSleep
 * in src/backend/storage/lmgr/proc.c, early_deadlock; measured: within 1 ms, whatever deadlock_timeout).
 */
typedef struct GuardEntry {
    GuardWork before;
    GuardWork settle;
    GuardWork lock_views;
    GuardWork work;
    void (*after)(Run *run, const Step *step);
} GuardEntry;

/* The note is left to the work. Errors: as guard_apply(). */
gboolean guard_apply_entering(Run *run, const Step *step, const GuardEntry *entry, GError **error);

/* The same for work that is allowed to take long because its lock is not felt (VALIDATE: SHARE UPDATE EXCLUSIVE). */
gboolean guard_apply_long(Run *run, const Step *step, GuardWork work, GuardNote note, GError **error);

/* TRUE if an error means "try again": lock_timeout, deadlock, a cancelled statement of ours. */
gboolean guard_is_retryable(const GError *error);

#endif
