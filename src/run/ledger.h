/*
 * The ledger: which files of a folder were run on this database, or are taken for run.
 *
 * Law: a row is written in the transaction that writes down its migration, as are all rows of a migration of several
 * files, and how far that is stands nowhere but in the journal. So whenever pgseam or the server dies, a file is
 * pending without a row, or its row has a migration that can be resumed.
 */
#ifndef PGSEAM_RUN_LEDGER_H
#define PGSEAM_RUN_LEDGER_H

#include "db/conn.h"
#include "folder/standing.h"

/* What is written down of a file. */
typedef struct LedgerEntry {
    const char *name;
    const char *checksum;
    const char *kind; /* "migrated", "baseline", "adopted" */
} LedgerEntry;

/* The rows (LedgerRow), and one of kind "started" for each of `files` (FolderFile) that has none but a migration that
 * has not been rolled back. Changes nothing; empty where there is no journal. The caller unrefs. */
GPtrArray *ledger_read(DbConn *conn, const GPtrArray *files, GError **error);

/* A row for each of `entries` (LedgerEntry; NULL: none), all of one migration, within the caller's transaction.
 * SEAM_ERROR_FENCED where there is one already; this or SEAM_ERROR_REFUSED, too, where a file has a migration of its
 * own that was not rolled back. */
gboolean ledger_put_all(DbConn *conn, const GPtrArray *entries, gint64 migration, GError **error);

/* That no file `name` was run together with others: SEAM_ERROR_FENCED if that is under way, SEAM_ERROR_REFUSED if it is
 * complete. Changes nothing; a journal without a ledger has none. */
gboolean ledger_check_name(DbConn *conn, const char *name, GError **error);

/* Whether ledger_baseline() would be refused. */
gboolean ledger_check_baseline(DbConn *conn, const GPtrArray *files, GError **error);

/* Note `files` (FolderFile) as applied, in one transaction: all or none. SEAM_ERROR_REFUSED where the ledger has rows
 * already, or the journal has one of them under way. The journal must be there: journal_ensure(). */
gboolean ledger_baseline(DbConn *conn, const GPtrArray *files, const char *kind, GError **error);

/* Take the file as it is now for what its row means. */
gboolean ledger_accept(DbConn *conn, const FolderFile *file, GError **error);

#endif
