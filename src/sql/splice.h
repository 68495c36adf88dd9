/*
 * Splicing: the user's text with a few words put in, never printed anew.
 */
#ifndef PGSEAM_SQL_SPLICE_H
#define PGSEAM_SQL_SPLICE_H

#include <glib.h>

/* `text` with `insert` put in at byte `offset`. The caller frees. */
char *splice_insert(const char *text, int offset, const char *insert);

/* An UPDATE or DELETE limited to rows for which `condition` (SQL, ours) also holds: the user's text up to WHERE, then
 * WHERE (user's predicate) AND condition. `where_keyword` and `predicate` are those of DmlStmt. A line comment at the
 * end of the predicate cannot swallow what follows. The caller frees. */
char *splice_condition(const char *text, int where_keyword, const char *predicate, const char *condition);

#endif
