#include "base/error.h"
#include "db/session.h"

static void
tell_statement(const GPtrArray *statements, guint n, GError **error)
{
    if (error != NULL && *error != NULL && seam_error_get_detail(*error) == NULL && n < statements->len)
        seam_error_detail(error, "the statement was: %s", (const char *)g_ptr_array_index(statements, n));
}

/* One result after another, each awaited with ticks. The first that is no success is the error. */
static gboolean
take_results(DbConn *conn, const GPtrArray *statements, GError **error)
{
    GError *why = NULL;
    guint n = 0;

    for (;; n++) {
        g_autoptr(DbResult) result = NULL;
        ExecStatusType status;

        if (!session_wait(conn, why == NULL ? &why : NULL) && PQisBusy(conn->pg))
            break; /* the server does not even answer the cancel */
        result = PQgetResult(conn->pg);
        if (result == NULL || PQstatus(conn->pg) == CONNECTION_BAD)
            break;
        status = PQresultStatus(result);
        if (why == NULL && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
            session_set_sql_error(conn, result, &why);
            tell_statement(statements, n, &why);
        }
    }
    if (why == NULL && (n == 0 || PQstatus(conn->pg) == CONNECTION_BAD))
        session_set_lost(conn, &why);
    if (why != NULL)
        g_propagate_error(error, why);
    return why == NULL;
}

gboolean
db_run_batch(DbConn *conn, const GPtrArray *statements, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (statements->len == 0)
        return TRUE;
    for (guint i = 0; i < statements->len; i++)
        g_string_append_printf(text, "%s;\n", (const char *)g_ptr_array_index(statements, i));
    if (PQsendQuery(conn->pg, text->str))
        return take_results(conn, statements, error);
    session_set_lost(conn, error);
    return FALSE;
}
