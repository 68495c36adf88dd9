/*
 * The ledgers of other tools, read from the table that each keeps in the database.
 *
 * Law: read only, and all or nothing: a version that is dirty, or has no file, refuses the whole ledger.
 */
#ifndef PGSEAM_RUN_ADOPT_H
#define PGSEAM_RUN_ADOPT_H

#include "db/conn.h"
#include "folder/folder.h"

/* The files (FolderFile, of the folder) that the ledger of `tool` has as applied; "auto": of whichever tool there is
 * one. `ret_ledger` is its table, for people; the caller frees both. SEAM_ERROR_USAGE for a tool that is not known,
 * SEAM_ERROR_REFUSED where there is no such ledger, more than one, or one that cannot be taken over. */
GPtrArray *adopt_files(DbConn *conn, const Folder *folder, const char *tool, char **ret_ledger, GError **error);

#endif
