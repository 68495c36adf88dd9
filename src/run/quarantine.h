/*
 * Rows on which an expression of a version fails (`-- pgseam: on-error quarantine`; version/sync.h says what becomes of
 * them): which they are, how many, and that none is lost with the old columns.
 *
 * Law: what is missing is asked of the table itself, whatever the lines in the table of failures say.
 */
#ifndef PGSEAM_RUN_QUARANTINE_H
#define PGSEAM_RUN_QUARANTINE_H

#include "run/journal.h"
#include "run/run.h"

typedef struct QuarantineRow {
    char *table;   /* quoted and qualified */
    char *key;     /* a JSON object: column -> value */
    char *side;    /* that is missing: "new" or "old" */
    char *columns; /* a JSON array of its names in the table */
    char *sqlstate;
    char *message;
    char *at, *role, *application; /* when and by whom the line was written: the application, or pgseam's look */
    char *written;                 /* JSON: what was written on the other side then ... */
    char *replaced;                /* ... and what stood on this one before; NULL: pgseam's look wrote the line */
} QuarantineRow;

/* Those of a migration, oldest first (QuarantineRow): rows that are missing a side now; of one that was rolled back,
 * what the journal kept of rows whose old side was missing. Empty for one without quarantine. The caller unrefs. */
GPtrArray *quarantine_list(DbConn *conn, const JournalMigration *migration, GError **error);

/* Write into each migration of the list that is under way how many there are. What our role may not see stays unknown.
 */
gboolean quarantine_count(DbConn *conn, GPtrArray *migrations, GError **error);

/* In a transaction of its own: go through the step's table (PARAM_QUARANTINE) and write down whose new side is missing.
 * How many; 0 for a step without quarantine. Takes what a scan takes; again does no harm. */
gboolean quarantine_look(Run *run, const Step *step, gint64 *ret_rows, GError **error);

/* SEAM_ERROR_REFUSED, with some of the rows: their old columns cannot go. */
void quarantine_refuse(Run *run, const Step *step, gint64 rows, GError **error);

/* Before complete leaves the gate: SEAM_ERROR_REFUSED while the new side of any row is missing. */
gboolean quarantine_gate(Run *run, GError **error);

/* When rollback begins: what only the new side has of rows whose old one is missing goes to the journal, and is told.
 */
gboolean quarantine_keep(Run *run, GError **error);

#endif
