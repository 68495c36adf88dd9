/*
 * Turns: which files run as one migration, and in which order.
 *
 * Law: files that are one migration already (LedgerRow.migration) stay one, however they are asked for; what is under
 * way comes to its end, or to its gate, before files that have not begun.
 */
#ifndef PGSEAM_FOLDER_TURN_H
#define PGSEAM_FOLDER_TURN_H

#include "folder/standing.h"

typedef struct Turn {
    char *migration;  /* its name */
    FileState state;  /* that of all its files; never applied */
    GPtrArray *files; /* FolderFile, in order, one at least */
} Turn;

/* What `standings` (Standing) up to the file `last` (NULL: all) still have to run, as Turn. Pending files are a turn
 * each; with `is_together` one, at the end. SEAM_ERROR_REFUSED where `last` is within a migration of several files that
 * is under way. The caller unrefs; the files stay the folder's. */
GPtrArray *turns_of(const GPtrArray *standings, const FolderFile *last, gboolean is_together, GError **error);

/* How many files the turns behind number `turn` (from 0) have. */
guint turns_behind(const GPtrArray *turns, guint turn);

/* The name of a migration of these files (FolderFile): that of a single one; "FIRST..LAST", or with their numbers only
 * where that would be longer than 63 bytes, or cut, with a hash, where even this would. The caller frees. */
char *turn_name(const GPtrArray *files);

#endif
