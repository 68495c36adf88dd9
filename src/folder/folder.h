/*
 * A folder of migrations, read: its files in their order. These layouts are known, one to a folder:
 *
 *   001_a.sql, 20240101120000_a.sql, V1__a.sql    one file each; names without any number at all are fine, too
 *   001_a.up.sql, 001_a.down.sql                  golang-migrate and others: the .down.sql are left alone
 *   up/001_a.sql, down/001_a.sql                  likewise
 *   001_a/up.sql, 001_a/down.sql                  diesel
 *
 * and marks within a file: section.h.
 *
 * Law: two files are never in doubt about their order or their name: a number that is there twice, a name with a number
 * beside one without, two layouts in one folder are refused with the files' names.
 */
#ifndef PGSEAM_FOLDER_FOLDER_H
#define PGSEAM_FOLDER_FOLDER_H

#include <glib.h>

typedef struct FolderFile {
    char *name;     /* of the migration: the file's stem without ".up", the folder's name with diesel */
    char *path;     /* to open and to show */
    char *number;   /* number.h; NULL: the folder has none */
    char *text;     /* what is to run, every line where it was */
    char *checksum; /* SHA-256 of the file's bytes, in hex */
} FolderFile;

typedef struct Folder {
    char *path;
    GPtrArray *files; /* FolderFile, in order */
    GPtrArray *notes; /* char *: what was left out */
} Folder;

/* SEAM_ERROR_USAGE where it cannot be read; SEAM_ERROR_REFUSED where it is ambiguous, with file, and line where there
 * is one. */
Folder *folder_read(const char *path, GError **error);

/* The file of that name, the ".sql" or a folder before it being allowed; NULL if there is none. */
const FolderFile *folder_find(const Folder *folder, const char *name);

/* The file whose number another tool has written down as `version`; NULL if there is none. */
const FolderFile *folder_find_version(const Folder *folder, const char *version);

/* Whether the file has a number, and it is at most `version`. */
gboolean folder_is_up_to(const FolderFile *file, const char *version);

/* Where the file stands: from 0. */
guint folder_index(const Folder *folder, const FolderFile *file);

void folder_free(Folder *folder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Folder, folder_free)

#endif
