/*
 * Columns of a statement under other names: the same index or constraint on a column that stands beside the one it was
 * made for. The text stays as it is but for these names.
 */
#ifndef PGSEAM_SQL_RENAME_H
#define PGSEAM_SQL_RENAME_H

#include <glib.h>

/*
 * `statement` with each reference to a column of `names` (char * -> char *) replaced. It is a CREATE INDEX as
 * pg_get_indexdef() prints it, or an ALTER TABLE ... ADD CONSTRAINT with what pg_get_constraintdef() prints: columns
 * are unqualified there, and an element of an index that is no column begins with a parenthesis or is a call. Columns
 * at the other end of a foreign key are left alone. `ret_n`: how many references there were. Errors:
 * SEAM_ERROR_REFUSED for what the grammar does not know, and for a qualified reference. The caller frees.
 */
char *rename_columns(const char *statement, GHashTable *names, guint *ret_n, GError **error);

#endif
