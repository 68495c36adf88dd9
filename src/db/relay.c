#include "db/relay.h"

#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#include "base/error.h"
#include "db/session.h"

/* Rows are short; a message for each would cost more than its bytes. */
#define BUFFER_BYTES (64 * 1024)

typedef struct Relay {
    DbConn *from;
    DbConn *to;
    GByteArray *buffer;
} Relay;

/* Wait until one of the sockets can move, ticking. */
static gboolean
wait_for(Relay *relay, gboolean wants_write, GError **error)
{
    struct pollfd fds[2] = {{.fd = PQsocket(relay->from->pg), .events = POLLIN},
                            {.fd = PQsocket(relay->to->pg), .events = POLLIN}};
    DbConn *ticking = relay->to->tick != NULL ? relay->to : relay->from;
    int ready;

    if (wants_write) {
        fds[0].events = 0;
        fds[1].events |= POLLOUT;
    } else {
        fds[1].events = 0;
    }
    ready = poll(fds, 2, ticking->tick != NULL ? (int)ticking->tick_ms : -1);
    if (ready <= 0 && ticking->tick != NULL)
        return ticking->tick(ticking->tick_data, error);
    return TRUE;
}

static gboolean
begin(DbConn *conn, const char *sql, ExecStatusType expected, GError **error)
{
    PGresult *result;
    gboolean ok;

    if (!PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0)) {
        session_set_lost(conn, error);
        return FALSE;
    }
    if (!session_wait(conn, error))
        return FALSE;
    result = PQgetResult(conn->pg);
    ok = result != NULL && PQresultStatus(result) == expected;
    if (!ok)
        session_set_sql_error(conn, result, error);
    PQclear(result);
    return ok;
}

static gboolean
flush_buffer(Relay *relay, GError **error)
{
    for (;;) {
        int put = PQputCopyData(relay->to->pg, (const char *)relay->buffer->data, (int)relay->buffer->len);

        if (put == 1)
            break;
        if (put < 0) {
            session_set_lost(relay->to, error);
            return FALSE;
        }
        if (!wait_for(relay, TRUE, error) || PQflush(relay->to->pg) < 0)
            return FALSE;
    }
    g_byte_array_set_size(relay->buffer, 0);
    for (;;) {
        int left = PQflush(relay->to->pg);

        if (left == 0)
            return TRUE;
        if (left < 0) {
            session_set_lost(relay->to, error);
            return FALSE;
        }
        if (!wait_for(relay, TRUE, error))
            return FALSE;
        /* The server's complaint has to be read, or it would never come to an end. */
        if (!PQconsumeInput(relay->to->pg)) {
            session_set_lost(relay->to, error);
            return FALSE;
        }
        if (!PQisBusy(relay->to->pg))
            return TRUE;
    }
}

static gboolean
pass_on(Relay *relay, GError **error)
{
    for (;;) {
        char *row = NULL;
        int n = PQgetCopyData(relay->from->pg, &row, 1);

        if (n > 0) {
            g_byte_array_append(relay->buffer, (const guint8 *)row, (guint)n);
            PQfreemem(row);
            if (relay->buffer->len >= BUFFER_BYTES && !flush_buffer(relay, error))
                return FALSE;
            continue;
        }
        if (n < 0)
            return n == -1; /* -2: the result tells */
        if (!wait_for(relay, FALSE, error))
            return FALSE;
        if (!PQconsumeInput(relay->from->pg)) {
            session_set_lost(relay->from, error);
            return FALSE;
        }
    }
}

/* The result that ends a COPY, and all that come after it. */
static gboolean
end(DbConn *conn, gint64 *ret_rows, GError **error)
{
    gboolean ok = TRUE;
    PGresult *result;

    for (;;) {
        if (!session_wait(conn, ok ? error : NULL))
            return FALSE;
        result = PQgetResult(conn->pg);
        if (result == NULL)
            return ok;
        if (PQresultStatus(result) != PGRES_COMMAND_OK && ok) {
            session_set_sql_error(conn, result, error);
            ok = FALSE;
        } else if (ok && ret_rows != NULL) {
            *ret_rows = g_ascii_strtoll(PQcmdTuples(result), NULL, 10);
        }
        PQclear(result);
        if (PQstatus(conn->pg) == CONNECTION_BAD)
            return FALSE;
    }
}

/* After a failure: bring both sessions out of COPY. What they say then is no news. */
static void
leave_copy(Relay *relay)
{
    PGresult *result;

    session_send_cancel(relay->from);
    PQsetnonblocking(relay->to->pg, 0);
    PQputCopyEnd(relay->to->pg, "the copy was given up");
    while ((result = PQgetResult(relay->to->pg)) != NULL) {
        PQclear(result);
        if (PQstatus(relay->to->pg) == CONNECTION_BAD)
            break;
    }
    while ((result = PQgetResult(relay->from->pg)) != NULL) {
        gboolean is_copy = PQresultStatus(result) == PGRES_COPY_OUT;
        char *row = NULL;

        PQclear(result);
        while (is_copy && PQgetCopyData(relay->from->pg, &row, 0) > 0)
            PQfreemem(row);
        if (PQstatus(relay->from->pg) == CONNECTION_BAD)
            break;
    }
}

static gboolean
move(Relay *relay, gint64 *ret_rows, GError **error)
{
    GError *why = NULL;

    if (!pass_on(relay, &why) || (relay->buffer->len > 0 && !flush_buffer(relay, &why))) {
        /* The receiver's own complaint is the reason if it has one; the sender's else. */
        if (why == NULL && end(relay->from, NULL, &why))
            seam_error_set(&why, SEAM_ERROR_FAILED, "a copy between two sessions broke off");
        g_propagate_error(error, why);
        leave_copy(relay);
        return FALSE;
    }
    PQsetnonblocking(relay->to->pg, 0);
    if (PQputCopyEnd(relay->to->pg, NULL) != 1) {
        session_set_lost(relay->to, error);
        return FALSE;
    }
    if (!end(relay->to, ret_rows, error)) {
        end(relay->from, NULL, NULL);
        return FALSE;
    }
    return end(relay->from, NULL, error);
}

gboolean
db_relay(DbConn *from, const char *copy_out, DbConn *to, const char *copy_in, gint64 *ret_rows, GError **error)
{
    g_autoptr(GByteArray) buffer = g_byte_array_sized_new(2 * BUFFER_BYTES);
    Relay relay = {from, to, buffer};
    gboolean ok;

    *ret_rows = 0;
    if (!begin(to, copy_in, PGRES_COPY_IN, error))
        return FALSE;
    if (!begin(from, copy_out, PGRES_COPY_OUT, error)) {
        PQputCopyEnd(to->pg, "the rows could not be read");
        end(to, NULL, NULL);
        end(from, NULL, NULL);
        return FALSE;
    }
    PQsetnonblocking(to->pg, 1);
    ok = move(&relay, ret_rows, error);
    PQsetnonblocking(to->pg, 0);
    return ok;
}
