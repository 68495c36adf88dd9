/*
 * The files of a folder, turn after turn (folder/turn.h): each a migration, through the same code as `start`, `resume`
 * and `complete`.
 */
#ifndef PGSEAM_CLI_FOLDER_RUN_H
#define PGSEAM_CLI_FOLDER_RUN_H

#include "cli/command.h"
#include "folder/turn.h"

typedef enum CompletePolicy {
    COMPLETE_NONE,    /* the first one with something to contract stops at the gate */
    COMPLETE_EARLIER, /* the last one does */
    COMPLETE_ALL,
} CompletePolicy;

typedef struct FolderRun {
    const RunOptions *options;
    const Folder *folder;
    const GPtrArray *turns; /* Turn */
    CompletePolicy policy;
    gboolean pins_all; /* versions that the files make show every table */
} FolderRun;

/* Bring what is to run to the database. `names` gets the migrations that were run. SEAM_ERROR_REFUSED where files are
 * left behind a gate; running it again goes on from wherever it was left. */
gboolean folder_run(const FolderRun *job, GPtrArray *names, GError **error);

/* The plan of a turn that has not begun; errors as in planning.h. */
Plan *folder_plan(const FolderRun *job, const Turn *turn, GError **error);

/* Its file, or its name with a line for each of several, for people. The caller frees. */
char *folder_turn_text(const Turn *turn);

#endif
