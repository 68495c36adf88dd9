/*
 * Splicing: the user's text with a few words put in, never printed anew.
 */
#ifndef PGSEAM_SQL_SPLICE_H
#define PGSEAM_SQL_SPLICE_H

#include "sql/stmt.h"

/* `text` with `insert` put in at byte `offset`. The caller frees. */
char *splice_insert(const char *text, int offset, const char *insert);

/* An UPDATE, DELETE or INSERT ... SELECT limited to rows for which `condition` (SQL, ours) also holds: the user's text
 * up to WHERE, then WHERE (user's predicate) AND condition, then what stands behind it. A line comment at the end of
 * the predicate cannot swallow what follows. The caller frees. */
char *splice_condition(const Stmt *stmt, const char *condition);

#endif
