/*
 * The state of migrations, for people and for machines.
 */
#ifndef PGSEAM_REPORT_STATUS_H
#define PGSEAM_REPORT_STATUS_H

#include "run/journal.h"

/* Seconds that the backfill still needs at its pace so far; -1 if unknown. */
double status_eta(const JournalMigration *migration);

/* How much of the table's blocks the copy has done. */
double status_rewrite_percent(const JournalRewrite *rewrite);

/* Seconds until the rows are copied, at the pace so far; -1 if unknown, or done, or nobody runs it. */
double status_rewrite_eta(const JournalMigration *migration, const JournalRewrite *rewrite);

/* {"migrations": [{name, state, phase, steps_done, steps_total, rows_done, rows_total, eta_s, reason, ...}]}. The
 * caller frees. */
char *status_to_json(const GPtrArray *migrations);

/* A few lines for each. The caller frees. */
char *status_to_text(const GPtrArray *migrations);

/* What can be done next with a migration in this state: one line, or NULL. */
const char *status_next(const JournalMigration *migration);

#endif
