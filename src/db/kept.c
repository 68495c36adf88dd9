#include "base/error.h"
#include "db/session.h"

/* The name under which the session has the statement, preparing it if need be; NULL on error. */
static const char *
name_of(DbConn *conn, const char *sql, GError **error)
{
    char *name;
    DbResult *result;

    if (conn->kept == NULL)
        conn->kept = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    name = g_hash_table_lookup(conn->kept, sql);
    if (name != NULL)
        return name;
    name = g_strdup_printf("pgseam_%u", g_hash_table_size(conn->kept));
    if (!PQsendPrepare(conn->pg, name, sql, 0, NULL)) {
        session_set_lost(conn, error);
        g_free(name);
        return NULL;
    }
    result = session_take(conn, error);
    if (result == NULL) {
        g_free(name);
        return NULL;
    }
    db_result_free(result);
    g_hash_table_insert(conn->kept, (gpointer)sql, name);
    return name;
}

DbResult *
db_query_kept(DbConn *conn, const char *sql, int n_values, const char *const *values, GError **error)
{
    const char *name = name_of(conn, sql, error);

    if (name == NULL)
        return NULL;
    if (PQsendQueryPrepared(conn->pg, name, n_values, values, NULL, NULL, 0))
        return session_take(conn, error);
    session_set_lost(conn, error);
    return NULL;
}
