/*
 * What the files of sync.h share: the bodies of the trigger functions, and pieces of SQL.
 */
#ifndef PGSEAM_VERSION_SYNC_BODY_H
#define PGSEAM_VERSION_SYNC_BODY_H

#include "version/sync.h"

typedef enum SyncMoment {
    SYNC_FIRST, /* before the user's triggers: fills what the old side reads */
    SYNC_LAST,  /* after them: whatever they changed reaches the other side */
    SYNC_ALONE, /* there are none */
} SyncMoment;

/* The plpgsql of the trigger function. The caller frees. */
char *sync_body(const SyncTable *table, SyncMoment moment);

/* The name of the function that makes a column ("up", "down"), of the trigger functions ("first", "last"): bounded, and
 * of this table alone. The caller frees. */
char *sync_function_name(const SyncTable *table, const SyncColumn *column, const char *purpose);

/* "up" or "down". */
const char *sync_direction(const SyncTable *table, const SyncColumn *column);

/* Names (char *, not copied) of columns; the caller unrefs. */
GPtrArray *sync_names(const GPtrArray *columns);

/* "row.a, row.b" and ROW(..) of names. The caller frees. */
char *sync_name_list(const GPtrArray *names, const char *row);
char *sync_name_row(const GPtrArray *names, const char *row);
/* The same of columns. */
char *sync_list(const GPtrArray *columns, const char *row);
char *sync_row(const GPtrArray *columns, const char *row);

/* A statement that writes down, as a comment, what the functions are now: an exchanged one is found. The caller frees.
 */
char *sync_seal_sql(const SyncTable *table);

/* Names (char *) of all functions, trigger functions last; the caller unrefs. */
GPtrArray *sync_function_names(const SyncTable *table);

/* Those of `columns` that an expression makes; the caller unrefs. */
GPtrArray *sync_made(const GPtrArray *columns);

#endif
