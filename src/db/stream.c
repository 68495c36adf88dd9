#include "db/stream.h"

#include <poll.h>
#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "db/session.h"

#define POSTGRES_EPOCH_US 946684800000000 /* 2000-01-01 in microseconds of Unix time */
#define XLOG_DATA_HEADER  25              /* 'w', start, end, time */
#define KEEPALIVE_LENGTH  18              /* 'k', end, time, reply wanted */
#define STATUS_LENGTH     34              /* 'r', written, flushed, applied, time, reply wanted */

struct DbStream {
    DbConn conn;
    char *buffer; /* of libpq: the message last given out */
};

static guint64
read_u64(const char *at)
{
    guint64 value;

    memcpy(&value, at, sizeof(value));
    return GUINT64_FROM_BE(value);
}

static void
write_u64(char *at, guint64 value)
{
    guint64 big = GUINT64_TO_BE(value);

    memcpy(at, &big, sizeof(big));
}

gboolean
lsn_parse(const char *text, guint64 *ret_lsn)
{
    guint64 half[2];

    for (int i = 0; i < 2; i++) {
        char *end = NULL;

        if (text == NULL || !g_ascii_isxdigit(text[0]))
            return FALSE;
        half[i] = g_ascii_strtoull(text, &end, 16);
        if (half[i] > G_MAXUINT32 || *end != (i == 0 ? '/' : '\0'))
            return FALSE;
        text = end + 1;
    }
    *ret_lsn = half[0] << 32 | half[1];
    return TRUE;
}

/* A walsender takes statements by the simple protocol only. */
static DbResult *
run_simple(DbStream *stream, const char *text, GError **error)
{
    g_autoptr(DbResult) result = NULL;
    ExecStatusType status;

    if (!PQsendQuery(stream->conn.pg, text)) {
        session_set_lost(&stream->conn, error);
        return NULL;
    }
    result = session_fetch(&stream->conn, error);
    if (result == NULL)
        return NULL;
    status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return g_steal_pointer(&result);
    session_set_sql_error(&stream->conn, result, error);
    return NULL;
}

/* Those that decide about the text of a value, as in conn.c; and no timeout but wal_sender_timeout may end us. */
static gboolean
pin_settings(DbStream *stream, GError **error)
{
    static const char query[] =
        "SELECT pg_catalog.set_config(name, value, false), pg_catalog.pg_backend_pid() AS pid FROM (VALUES "
        "('search_path', ''), ('DateStyle', 'ISO, MDY'), ('IntervalStyle', 'postgres'), ('TimeZone', 'UTC'), "
        "('extra_float_digits', '1'), ('bytea_output', 'hex'), ('xmlbinary', 'base64'), ('statement_timeout', '0'), "
        "('lock_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('client_min_messages', 'warning')) "
        "AS v(name, value) UNION ALL SELECT pg_catalog.set_config(name, '0', false), 0 FROM pg_catalog.pg_settings "
        "WHERE name IN ('transaction_timeout', 'idle_session_timeout')";
    g_autoptr(DbResult) result = run_simple(stream, query, error);

    if (result == NULL)
        return FALSE;
    if (db_int(result, 0, "pid") == PQbackendPID(stream->conn.pg))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "the replication connection goes through a connection pooler");
    seam_error_hint(error, "connect to the server itself");
    return FALSE;
}

DbStream *
stream_open(const char *target, const char *application_name, GError **error)
{
    g_autoptr(DbStream) stream = g_new0(DbStream, 1);

    stream->conn.pg = session_connect(target, application_name, NULL, "database");
    if (PQstatus(stream->conn.pg) != CONNECTION_OK) {
        session_set_unreachable(&stream->conn, error);
        return NULL;
    }
    session_mute(&stream->conn);
    if (!pin_settings(stream, error))
        return NULL;
    return g_steal_pointer(&stream);
}

void
stream_close(DbStream *stream)
{
    if (stream == NULL)
        return;
    PQfreemem(stream->buffer);
    PQfinish(stream->conn.pg);
    g_free(stream);
}

int
stream_backend_pid(const DbStream *stream)
{
    return PQbackendPID(stream->conn.pg);
}

gboolean
stream_create_slot(DbStream *stream, const char *slot, const StreamWait *wait, guint64 *ret_lsn, GError **error)
{
    /* The list in parentheses came with 15; the older form may go. */
    g_autofree char *text =
        db_server_version(&stream->conn) >= 150000
            ? sql_build("CREATE_REPLICATION_SLOT ? LOGICAL pgoutput (SNAPSHOT 'nothing')", sql_ident(slot))
            : sql_build("CREATE_REPLICATION_SLOT ? LOGICAL pgoutput NOEXPORT_SNAPSHOT", sql_ident(slot));
    g_autoptr(DbResult) row = NULL;

    db_on_wait(&stream->conn, wait->tick_ms, wait->tick, wait->data);
    row = run_simple(stream, text, error);
    db_on_wait(&stream->conn, 0, NULL, NULL);
    if (row == NULL)
        return FALSE;
    if (ret_lsn != NULL && !lsn_parse(db_text(row, 0, "consistent_point"), ret_lsn)) {
        seam_error_set(error, SEAM_ERROR_FAILED, "the server made slot %s, but does not say where it begins", slot);
        return FALSE;
    }
    return TRUE;
}

gboolean
stream_start(DbStream *stream, const char *slot, const char *publication, GError **error)
{
    g_autofree char *publications = sql_quote_ident(publication);
    g_autofree char *text = sql_build("START_REPLICATION SLOT ? LOGICAL 0/0 (proto_version '1', publication_names ?, "
                                      "messages 'true')",
                                      sql_ident(slot), sql_literal(publications));
    g_autoptr(DbResult) result = NULL;

    if (!PQsendQuery(stream->conn.pg, text)) {
        session_set_lost(&stream->conn, error);
        return FALSE;
    }
    if (!session_wait(&stream->conn, error))
        return FALSE;
    result = PQgetResult(stream->conn.pg);
    if (result != NULL && PQresultStatus(result) == PGRES_COPY_BOTH && PQsetnonblocking(stream->conn.pg, 1) == 0)
        return TRUE;
    if (result == NULL)
        session_set_lost(&stream->conn, error);
    else
        session_set_sql_error(&stream->conn, result, error);
    return FALSE;
}

/* The copy has ended: the server says why, or the connection is gone. */
static void
set_ended(DbStream *stream, GError **error)
{
    g_autoptr(DbResult) result = PQgetResult(stream->conn.pg);

    if (result != NULL && PQresultStatus(result) == PGRES_FATAL_ERROR)
        session_set_sql_error(&stream->conn, result, error);
    else if (PQstatus(stream->conn.pg) != CONNECTION_OK)
        session_set_lost(&stream->conn, error);
    else
        seam_error_set(error, SEAM_ERROR_LOST, "the server has ended the replication stream");
}

static gboolean
read_item(const char *data, int length, StreamItem *ret)
{
    if (length >= XLOG_DATA_HEADER && data[0] == 'w') {
        *ret = (StreamItem){.kind = STREAM_DATA,
                            .data = (const guint8 *)data + XLOG_DATA_HEADER,
                            .length = (gsize)length - XLOG_DATA_HEADER};
        return TRUE;
    }
    if (length >= KEEPALIVE_LENGTH && data[0] == 'k') {
        *ret = (StreamItem){.kind = STREAM_KEEPALIVE, .lsn = read_u64(data + 1), .wants_reply = data[17] != 0};
        return TRUE;
    }
    return FALSE;
}

gboolean
stream_next(DbStream *stream, StreamItem *ret, GError **error)
{
    int length;

    *ret = (StreamItem){.kind = STREAM_NOTHING};
    g_clear_pointer(&stream->buffer, PQfreemem);
    length = PQgetCopyData(stream->conn.pg, &stream->buffer, 1);
    if (length == 0) {
        if (!PQconsumeInput(stream->conn.pg)) {
            set_ended(stream, error);
            return FALSE;
        }
        length = PQgetCopyData(stream->conn.pg, &stream->buffer, 1);
    }
    if (length == 0)
        return TRUE;
    if (length < 0) {
        set_ended(stream, error);
        return FALSE;
    }
    if (read_item(stream->buffer, length, ret))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "the replication stream brought a message of kind 0x%02x, %d bytes long",
                   (unsigned char)stream->buffer[0], length);
    return FALSE;
}

void
stream_wait(DbStream *stream, int timeout_ms)
{
    struct pollfd fd = {.fd = PQsocket(stream->conn.pg), .events = POLLIN};

    poll(&fd, 1, timeout_ms);
}

gboolean
stream_confirm(DbStream *stream, guint64 lsn, GError **error)
{
    char message[STATUS_LENGTH] = {'r'};

    for (int i = 0; i < 3; i++)
        write_u64(message + 1 + 8 * i, lsn);
    write_u64(message + 25, (guint64)(g_get_real_time() - POSTGRES_EPOCH_US));
    if (PQputCopyData(stream->conn.pg, message, STATUS_LENGTH) == 1 && PQflush(stream->conn.pg) >= 0)
        return TRUE;
    session_set_lost(&stream->conn, error);
    return FALSE;
}
