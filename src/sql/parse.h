/*
 * The grammar. Private to sql/.
 */
#ifndef PGSEAM_SQL_PARSE_H
#define PGSEAM_SQL_PARSE_H

#include <glib.h>

/*
 * Split and parse `source` into Stmt with kind, text, offset and the typed part set; line, column and consent are the
 * caller's. Returns NULL with SEAM_ERROR_REFUSED if not even the scanner gets through (an unterminated string or
 * comment); `ret_error_offset` then is the byte where it stopped.
 */
GPtrArray *parse_source(const char *source, int *ret_error_offset, GError **error);

#endif
