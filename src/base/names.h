/*
 * Names of objects. PostgreSQL keeps the first 63 bytes of an identifier (NAMEDATALEN - 1, manual section 4.1.1); two
 * long names that agree there become one object, which cost a peer's users their data. Names that pgseam makes are
 * therefore bounded with a hash, and the names that PostgreSQL would choose are computed as it does.
 */
#ifndef PGSEAM_BASE_NAMES_H
#define PGSEAM_BASE_NAMES_H

#include <glib.h>

#define NAME_MAX_BYTES 63

/* `name`, or where it is longer than 63 bytes its beginning, cut at a character boundary, with 8 hex digits of the hash
 * of `stem`: what tells it from others. The caller frees. */
char *name_fitted(const char *name, const char *stem);

/* "pgseam_<purpose>_<stem>", fitted. The caller frees. */
char *name_bounded(const char *purpose, const char *stem);

/* The name that PostgreSQL gives to an index without a name: makeObjectName(table, columns, "idx") of
 * src/backend/commands/indexcmds.c, where `columns` are the column names joined with "_" ("expr" for an expression) and
 * `number` 0 is the first choice, 1.. the further ones ("idx1"). The caller frees. */
char *name_default_index(const char *table, const char *columns, unsigned number);

/* The same for any object: makeObjectName(table, columns, label). `columns` NULL: the name has no such part. */
char *name_default(const char *table, const char *columns, const char *label, unsigned number);

/* TRUE if a list of names (char *; NULL: none) has this one. */
gboolean names_contain(const GPtrArray *names, const char *name);

#endif
