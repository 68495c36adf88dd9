/*
 * A folder beside the ledger of the database: what migrate and baseline begin with.
 */
#ifndef PGSEAM_CLI_FOLDER_VIEW_H
#define PGSEAM_CLI_FOLDER_VIEW_H

#include "cli/command.h"
#include "folder/standing.h"

typedef struct FolderView {
    Folder *folder;
    GPtrArray *rows;      /* LedgerRow */
    GPtrArray *standings; /* Standing */
} FolderView;

/* Read the folder and the ledger; nothing is changed. What is left out or has vanished is told unless quiet. */
gboolean folder_view_read(FolderView *view, DbConn *conn, const char *path, const CommonOptions *common,
                          GError **error);

/* The ledger again, after something was noted. */
gboolean folder_view_refresh(FolderView *view, DbConn *conn, GError **error);

/* The file that the user means; SEAM_ERROR_USAGE if the folder has none of that name. NULL, without an error, for NULL.
 */
gboolean folder_view_find(const FolderView *view, const char *name, const FolderFile **ret_file, GError **error);

void folder_view_clear(FolderView *view);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FolderView, folder_view_clear)

#endif
