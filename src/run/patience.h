/*
 * What is done about those in the way: wait, cancel, terminate or give up, by their kind (options.policies).
 *
 * Law: only a transaction that was seen is signalled, never a session of pgseam, and each signal is told on stderr and
 * in the history with who it was. What the role may not do is told when the waiting begins, and counts as wait.
 */
#ifndef PGSEAM_RUN_PATIENCE_H
#define PGSEAM_RUN_PATIENCE_H

#include "run/blockers.h"
#include "run/run.h"

void patience_free(Patience *patience);

/* The age of a transaction is hidden from roles that may not read other roles' statistics: then it counts from when we
 * saw it first. */
void patience_complete_ages(Run *run, const GPtrArray *blockers);

/* Apply the policies to those that are older than the lock budget and than their policy says. SEAM_ERROR_LOCK naming
 * the blocker where the policy is to give up; errors of db_query(). */
gboolean patience_apply(Run *run, const GPtrArray *blockers, GError **error);

/* For what waits inside the server while `work` is busy (an index build, a batch): who keeps it from going on, with
 * the policies applied. *ret_who: a line for each, NULL if nobody does; the caller frees. */
gboolean patience_watch_work(Run *run, char **ret_who, GError **error);

#endif
