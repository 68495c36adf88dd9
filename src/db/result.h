/*
 * What a query brought back. DbResult is libpq's PGresult under a name that needs no libpq header.
 *
 * Law: row and column must exist (g_assert); a NULL of SQL is a NULL pointer.
 */
#ifndef PGSEAM_DB_RESULT_H
#define PGSEAM_DB_RESULT_H

#include <glib.h>

typedef struct pg_result DbResult;

void db_result_free(DbResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DbResult, db_result_free)

int db_rows(const DbResult *result);
int db_columns(const DbResult *result);

/* The column with this name; aborts if the query has none. */
const char *db_text(const DbResult *result, int row, const char *column);
gint64 db_int(const DbResult *result, int row, const char *column);    /* 0 for NULL */
double db_double(const DbResult *result, int row, const char *column); /* 0 for NULL */
gboolean db_bool(const DbResult *result, int row, const char *column); /* FALSE for NULL */

/* The type of a column: pg_type.oid (a domain's base type) and its modifier, -1 without one. */
void db_column_type(const DbResult *result, int column, gint64 *ret_oid, int *ret_modifier);

/* The column of a relation that a column is without a change: pg_class.oid and attnum; 0 for an expression. */
void db_column_origin(const DbResult *result, int column, gint64 *ret_relation, int *ret_attribute);

/* By position, for queries whose columns are made at run time. */
const char *db_text_at(const DbResult *result, int row, int column);

/* A text[] or name[] as a list of strings (NULL elements stay NULL); empty for NULL. The caller unrefs. */
GPtrArray *db_array(const DbResult *result, int row, const char *column);

/* How many rows the command touched ("UPDATE 5" -> 5). */
gint64 db_affected(const DbResult *result);

#endif
