/*
 * How the files of a folder stand beside the ledger of a database.
 *
 * Law: a row of the ledger never lies about how far its file is: that is what the journal says of its migration, given
 * here as `state`. What a file was when it began is its checksum.
 */
#ifndef PGSEAM_FOLDER_STANDING_H
#define PGSEAM_FOLDER_STANDING_H

#include "folder/folder.h"

/* id, name in JSON and text */
#define FILE_STATES(X)                                                                                                 \
    X(FILE_PENDING, "pending")                                                                                         \
    X(FILE_UNDER_WAY, "under way")                                                                                     \
    X(FILE_GATED, "gated")                                                                                             \
    X(FILE_APPLIED, "applied")

#define FILE_STATE_ENUM(id, name) id,
typedef enum FileState { FILE_STATES(FILE_STATE_ENUM) } FileState;

const char *file_state_name(FileState state);

typedef struct LedgerRow {
    char *name;
    char *checksum;
    gboolean is_of_plan; /* begun with `pgseam start`: the checksum is that of the text that was planned */
    char *migration;     /* that it belongs to, with its other files; NULL: none, as after a baseline */
    char *kind;          /* "migrated", "baseline", "adopted"; "started" where only the journal has it */
    FileState state;     /* never pending */
    char *at;
    char *by; /* NULL: not known */
} LedgerRow;

void ledger_row_free(LedgerRow *row);

/* A file, its row, or both. */
typedef struct Standing {
    const FolderFile *file; /* NULL: the file has vanished */
    const LedgerRow *row;   /* NULL: the file is pending */
    FileState state;
    gboolean is_changed; /* the file is not what it was when it began */
    gboolean is_late;    /* pending, but sorts before one that is not */
} Standing;

/* The files in their order, then the rows (LedgerRow) whose file has vanished. The caller unrefs; files and rows stay
 * the caller's. */
GPtrArray *standing_compare(const Folder *folder, const GPtrArray *rows);

/* SEAM_ERROR_REFUSED for a file that was changed, one that is late (unless `allows_late`), and one that seems to be a
 * vanished one under another name, up to and with the file `last` (NULL: all). All findings are told at once. */
gboolean standing_check(const GPtrArray *standings, const FolderFile *last, gboolean allows_late, GError **error);

#endif
