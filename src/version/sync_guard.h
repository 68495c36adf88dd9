/*
 * Quarantine: an expression that fails on a row does not fail the statement that writes it. Private to the files of
 * sync.h, which says what comes of it.
 */
#ifndef PGSEAM_VERSION_SYNC_GUARD_H
#define PGSEAM_VERSION_SYNC_GUARD_H

#include "version/sync_put.h"

/* The errors that are a matter of the row: data, constraints (of domains), and what a function raises. Not among them,
 * so never caught: a cancelled statement, a deadlock, a lock or memory that is not to be had, a lost connection, an
 * error with an SQLSTATE of the user's own. Names of manual, appendix A; a class stands for all in it. */
#define SYNC_CAUGHT                                                                                                    \
    "data_exception OR integrity_constraint_violation OR cardinality_violation OR case_not_found OR raise_exception "  \
    "OR no_data_found OR too_many_rows"

/* TRUE if a failure of what makes these columns is caught. */
gboolean sync_is_guarded(const SyncTable *table, const GPtrArray *columns);

/* record.column := what its expression gives, of each; all of them NULL where one fails, and "up_error" or "down_error"
 * has its SQLSTATE, "up_text" or "down_text" its message. */
void sync_put_try(SyncBody *body, const GPtrArray *columns, const char *record);

/* The variables that this needs. */
void sync_put_guard_variables(SyncBody *body);
/* At the beginning of a group, and at its end: a row whose side could not be computed is written down. */
void sync_put_guard_begin(SyncBody *body);
void sync_put_guard_note(SyncBody *body, const SyncGroup *group);

/* A group of kind SYNC_PAIR where anything is caught. An expression that fails gives NULL in all columns of its side;
 * the side that was written stays as it is. */
void sync_put_guarded_pair(SyncBody *body, const SyncGroup *group, guint bit);

/* Functions for pgseam alone: of each side that may fail, one that takes what its expressions read and gives NULL, or
 * SQLSTATE and message of the failure; and one that reads the key of a line, which anybody may have written: no row if
 * it is none. Names (char *), and statements that make them. The caller unrefs. */
GPtrArray *sync_try_names(const SyncTable *table);
GPtrArray *sync_try_sql(const SyncTable *table);
/* SQL over alias t: the side of the row is missing because its expression fails, and the way back does not lead to the
 * other side. Of a new side a part may be there: as long as it is not whole, the old one has what nobody else has. An
 * old side with a part of what somebody wrote is none that is missing. NULL: it cannot be. The caller frees. */
char *sync_missing_new(const SyncTable *table, const SyncGroup *group);
char *sync_missing_old(const SyncTable *table, const SyncGroup *group);
/* SQL over alias t: do the columns of a pair hold other values than their expressions give? With quarantine: TRUE where
 * one fails. The caller frees. */
char *sync_differs_from_made(const SyncTable *table, const GPtrArray *columns);

#endif
