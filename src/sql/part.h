/*
 * Several files joined to one text, which runs as one migration: above each stands `-- pgseam: file PATH`, so that the
 * text alone, as plan and journal keep it, says which file and line a statement is from.
 *
 * Law: a file ends where it ends: no statement, comment or directive of it reaches into the next one.
 */
#ifndef PGSEAM_SQL_PART_H
#define PGSEAM_SQL_PART_H

#include <glib.h>

typedef struct ScriptPart {
    int start;             /* byte offset of the file's first line */
    const char *path;      /* interned */
    gboolean has_on_error; /* set by script_read(): the directive is in it */
} ScriptPart;

/* Append a file to a text that has nothing but such files. `text` can be read as a script of its own (script_read());
 * `path` has no line break. */
void part_append(GString *joined, const char *path, const char *text);

/* The files (ScriptPart) of a text that was joined, in order; NULL for any other. The caller unrefs. */
GArray *parts_find(const char *source);

/* The one that the offset is in. `parts` is of parts_find(), not NULL. */
const ScriptPart *part_at(const GArray *parts, int offset);

#endif
