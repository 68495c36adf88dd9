/*
 * The dirty table: keys of changed rows, a set kept as a log. Whoever captures appends; catch-up takes.
 */
#ifndef PGSEAM_REWRITE_DIRTY_H
#define PGSEAM_REWRITE_DIRTY_H

#include "rewrite/rewrite.h"

/* About how many keys are waiting (an exact count, with duplicates, up to `most`). */
gboolean dirty_count(Rewrite *rewrite, const Flow *flow, gint64 most, gint64 *ret_keys, GError **error);

/* Keys as they travel: for each key column an array of values as text, in the text form of PostgreSQL's arrays. */
typedef struct Keys {
    GPtrArray *columns; /* GPtrArray of char *, one for each key column of the flow */
    guint n;
} Keys;
Keys *keys_new(const Flow *flow);
void keys_free(Keys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Keys, keys_free)

/* Add rows whose first columns are the key columns, as text. */
void keys_add_rows(Keys *keys, const DbResult *rows);

/* SQL: "(SELECT * FROM ROWS FROM (unnest($1::text[]::int[]), ...) AS k(id, ...))": the rows of Keys given as
 * parameters from
 * `$first` on, with the key columns' names and types. The caller frees. */
char *keys_sql(const Flow *flow, int first);
/* The parameters that go with it. The caller unrefs (elements are freed with it). */
GPtrArray *keys_values(const Keys *keys);

#endif
