/*
 * A migration file, read.
 */
#ifndef PGSEAM_SQL_SCRIPT_H
#define PGSEAM_SQL_SCRIPT_H

#include "sql/stmt.h"

typedef struct Script {
    char *path;        /* as given, for messages */
    char *name;        /* the migration's name: the file's stem */
    char *source;      /* the whole text, UTF-8 */
    GArray *parts;     /* ScriptPart (part.h), where several files were joined to one text; NULL: it is one file */
    char *version;     /* of `-- pgseam: version NAME`: the schema of the new version's views; NULL: none */
    gboolean pins_all; /* --pin all: the version shows every table. No part of the text: the caller sets it */
    /* `-- pgseam: on-error quarantine`: a row on which "up" or "down" fails is put aside, not refused. */
    gboolean guards_up, guards_down;
    gboolean has_on_error; /* the directive is there, whatever it says */
    GPtrArray *stmts;      /* Stmt, in file order */
} Script;

/*
 * Read `source` (owned by the caller, NUL-terminated UTF-8) as the migration file `path`, or as several, joined by
 * part_append(): then `path` is for what is said of all of them. Statements that the grammar
 * does not understand come back as STMT_UNKNOWN; everything else that is wrong with the text is an error
 * SEAM_ERROR_REFUSED with line, column and caret: psql meta-commands, COPY data, a directive that is not known, text
 * that is no UTF-8. Source for the directives: design.md, section 3.
 */
Script *script_read(const char *path, const char *source, GError **error);

/* Read the file first; "-" is standard input. SEAM_ERROR_USAGE if it cannot be read. */
Script *script_load(const char *path, GError **error);

/* The name that the migration in file `path` has: the file's stem, without ".up" as well; "stdin" for "-". The caller
 * frees. */
char *script_name_of(const char *path);

void script_free(Script *script);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Script, script_free)

/* Line and column (characters, both from 1) of a byte offset of the source. */
void script_position(const char *source, int offset, int *ret_line, int *ret_column);

/* "file.sql:3:14" (where files were joined: that of them which it is in, and the line there), the line of the source
 * and a caret under the column: the context of a message. The caller frees. */
char *script_excerpt(const Script *script, int offset);

#endif
