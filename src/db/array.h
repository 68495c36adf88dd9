/*
 * PostgreSQL's text form of one-dimensional arrays (manual section 8.15.6): how lists travel in and out as one
 * parameter.
 */
#ifndef PGSEAM_DB_ARRAY_H
#define PGSEAM_DB_ARRAY_H

#include <glib.h>

/* '{a,"b c",NULL}' -> list of strings, NULL for an unquoted NULL; an empty list for NULL or what is no array. The
 * caller unrefs. */
GPtrArray *db_array_parse(const char *text);

/* List of strings (NULL allowed) -> '{"a","b c",NULL}'; NULL for a NULL list. The caller frees. */
char *db_array_text(const GPtrArray *elements);

#endif
