/*
 * Indexes and constraints of the shadow.
 */
#ifndef PGSEAM_REWRITE_BUILD_H
#define PGSEAM_REWRITE_BUILD_H

#include "rewrite/rewrite.h"

/* All of them in the open transaction of `conn`: for a table without rows. */
gboolean build_on_empty(Rewrite *rewrite, DbConn *conn, GError **error);

/* On a table with rows: what is missing of the indexes, side by side on several sessions; then what must run alone,
 * with the note that it is done. May be called again. Where the rows do not fit, the server's error with what to do. */
gboolean build_with_rows(Rewrite *rewrite, GError **error);

/* Before the cut-over: indexes that somebody has made on the source since; SEAM_ERROR_DRIFT if more than that has
 * changed. */
gboolean build_new_indexes(Rewrite *rewrite, GError **error);

#endif
