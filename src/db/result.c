#include "db/result.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "db/array.h"

void
db_result_free(DbResult *result)
{
    PQclear(result);
}

int
db_columns(const DbResult *result)
{
    return PQnfields(result);
}

int
db_rows(const DbResult *result)
{
    return PQntuples(result);
}

const char *
db_text_at(const DbResult *result, int row, int column)
{
    g_assert(row < PQntuples(result) && column >= 0 && column < PQnfields(result));
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

const char *
db_text(const DbResult *result, int row, const char *column)
{
    return db_text_at(result, row, PQfnumber(result, column));
}

gint64
db_int(const DbResult *result, int row, const char *column)
{
    const char *text = db_text(result, row, column);
    return text != NULL ? g_ascii_strtoll(text, NULL, 10) : 0;
}

double
db_double(const DbResult *result, int row, const char *column)
{
    const char *text = db_text(result, row, column);
    return text != NULL ? g_ascii_strtod(text, NULL) : 0;
}

gboolean
db_bool(const DbResult *result, int row, const char *column)
{
    const char *text = db_text(result, row, column);
    return text != NULL && text[0] == 't';
}

GPtrArray *
db_array(const DbResult *result, int row, const char *column)
{
    return db_array_parse(db_text(result, row, column));
}

void
db_column_type(const DbResult *result, int column, gint64 *ret_oid, int *ret_modifier)
{
    *ret_oid = (gint64)PQftype(result, column);
    *ret_modifier = PQfmod(result, column);
}

void
db_column_origin(const DbResult *result, int column, gint64 *ret_relation, int *ret_attribute)
{
    *ret_relation = (gint64)PQftable(result, column);
    *ret_attribute = PQftablecol(result, column);
}

gint64
db_affected(const DbResult *result)
{
    return g_ascii_strtoll(PQcmdTuples((DbResult *)result), NULL, 10);
}
