/*
 * Rows in quarantine, for people and for machines.
 */
#ifndef PGSEAM_REPORT_QUARANTINE_H
#define PGSEAM_REPORT_QUARANTINE_H

#include "run/quarantine.h"

/* {"migration", "state", "rows": [{table, key, side, columns, sqlstate, message, at, role, application, written,
 * replaced}]} of a list of QuarantineRow. The caller frees. */
char *quarantine_to_json(const JournalMigration *migration, const GPtrArray *rows);

/* Two lines for each row. The caller frees. */
char *quarantine_to_text(const JournalMigration *migration, const GPtrArray *rows);

#endif
