/*
 * A query that the user gives by itself, not in a file of statements.
 */
#ifndef PGSEAM_SQL_QUERY_H
#define PGSEAM_SQL_QUERY_H

#include <glib.h>

/* The text of the one query (SELECT, VALUES, TABLE, with or without WITH) that `source` is, ready to stand in
 * parentheses: without semicolon and comments around it. SEAM_ERROR_REFUSED for what the grammar does not know, for
 * another or a second statement, and for what does more than read or needs more than itself: INTO, FOR UPDATE, a WITH
 * that changes data, $1. Functions that write are not seen here: whoever runs it does so READ ONLY. The caller frees.
 */
char *query_read(const char *source, GError **error);

#endif
