#include "db/conn.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/error.h"
#include "db/session.h"

#define OLDEST_SERVER      140000
#define CANCEL_PATIENCE_MS 10000
#define STANDBY_CONNECT_S  "3"

static void
ignore_notice(void *data, const char *message)
{
    g_debug("%s", message);
}

void
session_mute(DbConn *conn)
{
    PQsetNoticeProcessor(conn->pg, ignore_notice, NULL);
}

void
session_set_lost(const DbConn *conn, GError **error)
{
    g_autofree char *message = g_strstrip(g_strdup(PQerrorMessage(conn->pg)));

    seam_error_set(error, SEAM_ERROR_LOST, "the connection to the server is lost: %s",
                   message[0] != '\0' ? message : "no reason given");
}

void
session_set_sql_error(const DbConn *conn, const DbResult *result, GError **error)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);

    if (message == NULL) {
        session_set_lost(conn, error);
        return;
    }
    /* Class 57P: the server ends this session (terminated, shutting down); the socket may not have noticed yet. */
    if (sqlstate != NULL && g_str_has_prefix(sqlstate, "57P"))
        seam_error_set_sql(error, SEAM_ERROR_LOST, sqlstate, message);
    else
        seam_error_set_sql(error, SEAM_ERROR_SQL, sqlstate, message);
    if (detail != NULL)
        seam_error_detail(error, "%s", detail);
    if (hint != NULL)
        seam_error_hint(error, "%s", hint);
}

void
session_send_cancel(DbConn *conn)
{
    char buffer[256];
    PGcancel *cancel = PQgetCancel(conn->pg);

    if (cancel != NULL)
        PQcancel(cancel, buffer, sizeof(buffer));
    PQfreeCancel(cancel);
}

gboolean
session_wait(DbConn *conn, GError **error)
{
    gint64 give_up = 0; /* monotonic microseconds, once the tick asked to stop */
    GError *stopped = NULL;

    while (PQisBusy(conn->pg)) {
        struct pollfd fd = {.fd = PQsocket(conn->pg), .events = POLLIN};
        int timeout = conn->tick != NULL ? (int)conn->tick_ms : -1;
        int ready = poll(&fd, 1, stopped != NULL ? 100 : timeout);

        if (ready > 0 && !PQconsumeInput(conn->pg))
            break;
        if (stopped == NULL && conn->tick != NULL && ready <= 0 && !conn->tick(conn->tick_data, &stopped)) {
            if (conn->forgoes_cancel)
                break;
            session_send_cancel(conn);
            give_up = g_get_monotonic_time() + CANCEL_PATIENCE_MS * 1000;
        }
        if (stopped != NULL && g_get_monotonic_time() > give_up)
            break;
    }
    if (stopped != NULL) {
        g_propagate_error(error, stopped);
        return FALSE;
    }
    return TRUE;
}

void
session_set_unreachable(const DbConn *conn, GError **error)
{
    g_autofree char *message = g_strstrip(g_strdup(PQerrorMessage(conn->pg)));

    seam_error_set(error, SEAM_ERROR_LOST, "cannot connect: %s", message);
}

static gboolean
is_success(const DbResult *result)
{
    ExecStatusType status = result != NULL ? PQresultStatus(result) : PGRES_FATAL_ERROR;

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

DbResult *
session_fetch(DbConn *conn, GError **error)
{
    DbResult *last = NULL;
    DbResult *next;
    GError *stopped = NULL;

    session_wait(conn, &stopped);
    if (stopped != NULL && PQisBusy(conn->pg)) {
        g_propagate_error(error, stopped);
        return NULL; /* the server does not even answer the cancel: the connection stays busy and is of no more use */
    }
    while ((next = PQgetResult(conn->pg)) != NULL) {
        PQclear(last);
        last = next;
        if (PQstatus(conn->pg) == CONNECTION_BAD)
            break;
    }
    if (stopped != NULL && !is_success(last)) {
        g_clear_pointer(&last, PQclear);
        g_propagate_error(error, stopped);
        return NULL;
    }
    g_clear_error(&stopped);
    if (last == NULL)
        session_set_lost(conn, error);
    return last;
}

DbResult *
session_take(DbConn *conn, GError **error)
{
    g_autoptr(DbResult) result = session_fetch(conn, error);

    if (result == NULL)
        return NULL;
    if (is_success(result))
        return g_steal_pointer(&result);
    session_set_sql_error(conn, result, error);
    return NULL;
}

DbResult *
db_query(DbConn *conn, const char *sql, int n_values, const char *const *values, GError **error)
{
    if (PQsendQueryParams(conn->pg, sql, n_values, NULL, values, NULL, NULL, 0))
        return session_take(conn, error);
    session_set_lost(conn, error);
    return NULL;
}

char *
db_int_text(gint64 number)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, number);
}

char *
db_tid_text(gint64 block, gint64 offset)
{
    return g_strdup_printf("(%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ")", block, offset);
}

gboolean
db_run(DbConn *conn, const char *sql, int n_values, const char *const *values, GError **error)
{
    g_autoptr(DbResult) result = db_query(conn, sql, n_values, values, error);
    return result != NULL;
}

gboolean
db_send(DbConn *conn, const char *sql, GError **error)
{
    if (PQsendQuery(conn->pg, sql))
        return TRUE;
    session_set_lost(conn, error);
    return FALSE;
}

void
db_stop(DbConn *conn)
{
    DbResult *result;

    if (db_is_lost(conn) || PQtransactionStatus(conn->pg) == PQTRANS_IDLE)
        return;
    session_send_cancel(conn);
    result = session_fetch(conn, NULL);
    PQclear(result);
    db_abort(conn);
}

gboolean
db_commit(DbConn *conn, GError **error)
{
    g_autoptr(DbResult) result = db_query(conn, "COMMIT", DB_NONE, error);

    if (result == NULL)
        return FALSE;
    if (strcmp(PQcmdStatus(result), "COMMIT") == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "a transaction ended with %s instead of COMMIT", PQcmdStatus(result));
    return FALSE;
}

void
db_abort(DbConn *conn)
{
    if (!db_is_lost(conn) && PQtransactionStatus(conn->pg) != PQTRANS_IDLE)
        db_run(conn, "ROLLBACK", DB_NONE, NULL);
}

gboolean
db_set_local_ms(DbConn *conn, const char *setting, int milliseconds, GError **error)
{
    g_autofree char *value = g_strdup_printf("%d", milliseconds);

    return db_run(conn, "SELECT pg_catalog.set_config($1, $2, true)", DB_ARGS(setting, value), error);
}

/* What the role brings along, read before we pin our own. */
static gboolean
read_settings(DbConn *conn, GError **error)
{
    static const char query[] = "SELECT pg_catalog.current_setting('TimeZone') AS time_zone, "
                                "pg_catalog.current_setting('DateStyle') AS date_style, "
                                "pg_catalog.pg_backend_pid() AS pid, pg_catalog.pg_is_in_recovery() AS standby, "
                                "(SELECT pg_catalog.string_agg(pg_catalog.quote_ident(s), ', ' ORDER BY n) "
                                "FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS u(s, n)) "
                                "AS search_path";
    g_autoptr(DbResult) result = db_query(conn, query, DB_NONE, error);

    if (result == NULL)
        return FALSE;
    if (db_int(result, 0, "pid") != PQbackendPID(conn->pg)) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "the connection goes through a connection pooler");
        seam_error_hint(error, "connect to the server itself: locks, cancelling and leases need a session of our own");
        return FALSE;
    }
    if (db_bool(result, 0, "standby") != conn->is_standby) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "the server is %s standby", conn->is_standby ? "not a" : "a");
        seam_error_hint(error, "connect to %s", conn->is_standby ? "a standby of the primary" : "the primary");
        return FALSE;
    }
    conn->search_path = g_strdup(db_text(result, 0, "search_path"));
    conn->time_zone = g_strdup(db_text(result, 0, "time_zone"));
    conn->date_style = g_strdup(db_text(result, 0, "date_style"));
    conn->settings =
        (DbSettings){conn->search_path != NULL ? conn->search_path : "", conn->time_zone, conn->date_style};
    return TRUE;
}

/* row_security = off does not switch policies off: a statement that they would filter fails instead of skipping rows.
 * Dates keep the role's order of day and month on input; ISO on output, so that a key printed by one session is read
 * back as the same key by another. Our statements are short and many: compiling them (jit) takes ten times as long as
 * running them, 46 ms for a look at the locks. No commit of ours waits for a synchronous standby: while one stalls, a
 * heartbeat would, and nobody would watch the locks that we hold. What a failover loses, it loses from the end: work
 * and journal alike. */
static gboolean
pin_settings(DbConn *conn, GError **error)
{
    static const char query[] =
        "SELECT pg_catalog.set_config(name, value, false) FROM (VALUES ('search_path', ''), "
        "('DateStyle', 'ISO, ' || pg_catalog.split_part(pg_catalog.current_setting('DateStyle'), ', ', 2)), "
        "('IntervalStyle', 'postgres'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), "
        "('statement_timeout', '0'), ('lock_timeout', '5000'), ('idle_in_transaction_session_timeout', '0'), "
        "('default_transaction_isolation', 'read committed'), ('default_transaction_read_only', 'off'), "
        "('default_transaction_deferrable', 'off'), ('standard_conforming_strings', 'on'), "
        "('row_security', 'off'), ('jit', 'off'), ('plan_cache_mode', 'auto'), ('client_min_messages', 'warning'), "
        "('synchronous_commit', 'local')) AS v(name, value)";

    /* Those that not every server knows. */
    return db_run(conn, query, DB_NONE, error) &&
           db_run(conn,
                  "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings "
                  "WHERE name IN ('transaction_timeout', 'idle_session_timeout')",
                  DB_NONE, error);
}

/* What stands before the target yields to it, what stands after it wins (manual, PQconnectdbParams). */
PGconn *
session_connect(const char *target, const char *application_name, const char *connect_s, const char *replication)
{
    const char *const keys[] = {
        "connect_timeout", "dbname", "application_name", "client_encoding", "fallback_application_name",
        "replication",     NULL};
    const char *const values[] = {connect_s, target, application_name, "UTF8", "pgseam", replication, NULL};

    return PQconnectdbParams(keys, values, 1);
}

gboolean
db_target_has_password(const char *target)
{
    PQconninfoOption *options = PQconninfoParse(target, NULL);
    gboolean found = FALSE;

    for (PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++)
        found |= strstr(option->keyword, "password") != NULL && option->val != NULL && option->val[0] != '\0';
    PQconninfoFree(options);
    return found;
}

static gboolean
check_server(const DbConn *conn, GError **error)
{
    if (PQserverVersion(conn->pg) >= OLDEST_SERVER)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "the server is PostgreSQL %s; pgseam needs 14 or newer",
                   PQparameterStatus(conn->pg, "server_version"));
    return FALSE;
}

static DbConn *
open_session(const char *target, const char *application_name, gboolean is_standby, GError **error)
{
    g_autoptr(DbConn) conn = g_new0(DbConn, 1);

    conn->is_standby = is_standby;
    conn->pg = session_connect(target, application_name, is_standby ? STANDBY_CONNECT_S : NULL, NULL);
    if (PQstatus(conn->pg) != CONNECTION_OK) {
        session_set_unreachable(conn, error);
        seam_error_hint(error, "say where with %s (a name, conninfo string or URI) or the PG* variables, as with psql",
                        is_standby ? "--standby" : "-d");
        return NULL;
    }
    session_mute(conn);
    if (!check_server(conn, error) || !read_settings(conn, error) || !pin_settings(conn, error))
        return NULL;
    conn->place = g_strcmp0(PQport(conn->pg), "5432") == 0
                      ? g_strdup(PQhost(conn->pg))
                      : g_strdup_printf("%s:%s", PQhost(conn->pg), PQport(conn->pg));
    return g_steal_pointer(&conn);
}

DbConn *
db_open(const char *target, const char *application_name, GError **error)
{
    return open_session(target, application_name, FALSE, error);
}

DbConn *
db_open_standby(const char *target, const char *application_name, GError **error)
{
    return open_session(target, application_name, TRUE, error);
}

void
db_close(DbConn *conn)
{
    if (conn == NULL)
        return;
    PQfinish(conn->pg);
    g_free(conn->search_path);
    g_free(conn->time_zone);
    g_free(conn->date_style);
    g_free(conn->place);
    g_clear_pointer(&conn->kept, g_hash_table_unref);
    g_free(conn);
}

int
db_server_version(const DbConn *conn)
{
    return PQserverVersion(conn->pg);
}

int
db_backend_pid(const DbConn *conn)
{
    return PQbackendPID(conn->pg);
}

const char *
db_place(const DbConn *conn)
{
    return conn->place;
}

gboolean
db_is_near(const DbConn *conn)
{
    const char *host = PQhost(conn->pg);

    return host == NULL || host[0] == '\0' || host[0] == '/' || strcmp(host, "localhost") == 0 ||
           g_str_has_prefix(host, "127.") || strcmp(host, "::1") == 0;
}

const DbSettings *
db_settings(const DbConn *conn)
{
    return &conn->settings;
}

gboolean
db_is_lost(const DbConn *conn)
{
    return conn == NULL || PQstatus(conn->pg) != CONNECTION_OK;
}

void
db_forgo_cancel(DbConn *conn)
{
    conn->forgoes_cancel = TRUE;
}

void
db_on_wait(DbConn *conn, unsigned interval_ms, DbTick tick, gpointer data)
{
    conn->tick_ms = interval_ms;
    conn->tick = tick;
    conn->tick_data = data;
}
