/*
 * The files of a folder, one after another: each a migration of its own, through the same code as `start`, `resume` and
 * `complete`.
 */
#ifndef PGSEAM_CLI_FOLDER_RUN_H
#define PGSEAM_CLI_FOLDER_RUN_H

#include "cli/command.h"
#include "folder/standing.h"

typedef enum CompletePolicy {
    COMPLETE_NONE,    /* the first one with something to contract stops at the gate */
    COMPLETE_EARLIER, /* the last one does */
    COMPLETE_ALL,
} CompletePolicy;

/* Bring `standings` (Standing) up to the file `last` (NULL: all) to the database. `names` gets the migrations that were
 * run. SEAM_ERROR_REFUSED where files are left behind a gate; running it again goes on from wherever it was left. */
gboolean folder_run(const RunOptions *options, const GPtrArray *standings, const FolderFile *last,
                    CompletePolicy policy, GPtrArray *names, GError **error);

/* The first file that is not applied, up to `last`; NULL: there is none. `ret_behind` is how many are behind it. */
const Standing *folder_run_next(const GPtrArray *standings, const FolderFile *last, guint *ret_behind);

#endif
