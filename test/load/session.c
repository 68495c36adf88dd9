#include "session.h"

#include <string.h>

void
params_number(Params *params, gint64 number)
{
    g_snprintf(params->text[params->count++], TEXT_SIZE, "%" G_GINT64_FORMAT, number);
}

void
params_text(Params *params, const char *text)
{
    g_strlcpy(params->text[params->count++], text, TEXT_SIZE);
}

static const char *
statement_sql(const Session *session, int id)
{
    const Statement *statement = &session->statements[id];

    return statement->sql[session->version] != NULL ? statement->sql[session->version] : statement->sql[VERSION_OLD];
}

/* A session that had prepared a SELECT whose columns have another type now; documented, so counted apart. */
static gboolean
is_plan_changed(const PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    return g_strcmp0(sqlstate, "0A000") == 0 && g_strcmp0(message, "cached plan must not change result type") == 0;
}

/* Takes the result and returns it if it is a good one; else notes the error. */
static PGresult *
judge(Session *session, PGresult *result, const char *sql)
{
    ExecStatusType status = PQresultStatus(result);
    const char *sqlstate = NULL;

    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    /* 57P01 to 57P03 and lost connections leave open whether the statement was committed. */
    session->unknown =
        sqlstate == NULL || g_str_has_prefix(sqlstate, "57P") || PQstatus(session->conn) == CONNECTION_BAD;
    if (sqlstate == NULL && session->last_words[0] != '\0')
        sqlstate = session->last_words;
    if (session->prepares_anew && is_plan_changed(result)) {
        session->is_stale = TRUE;
        stats_plan_changed(session->stats);
    } else {
        stats_error(session->stats, session->name, sqlstate, PQerrorMessage(session->conn), sql);
    }
    PQclear(result);
    return NULL;
}

/* A session that is ended while it idles gets the reason as a notice; the next result has no SQLSTATE then. */
static void
take_notice(void *data, const PGresult *notice)
{
    Session *session = data;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *sqlstate = PQresultErrorField(notice, PG_DIAG_SQLSTATE);

    if (g_strcmp0(severity, "FATAL") == 0 && sqlstate != NULL)
        g_strlcpy(session->last_words, sqlstate, sizeof session->last_words);
}

static gboolean
prepare_all(Session *session)
{
    session->is_stale = FALSE;
    for (int id = 0; id < session->n_statements; id++) {
        const char *sql = statement_sql(session, id);
        g_autoptr(PGresult) result =
            judge(session, PQprepare(session->conn, session->statements[id].name, sql, 0, NULL), sql);
        if (result == NULL)
            return FALSE;
    }
    return TRUE;
}

gboolean
session_open(Session *session)
{
    g_autoptr(GError) error = NULL;

    session->conn = shop_connect(session->conninfo, session->name, &error);
    if (session->conn == NULL) {
        stats_error(session->stats, session->name, NULL, error->message, "(connect)");
        return FALSE;
    }
    session->last_words[0] = '\0';
    PQsetNoticeReceiver(session->conn, take_notice, session);
    if (session->path != NULL) {
        const char *values[1] = {session->path};
        g_autoptr(PGresult) result = judge(
            session,
            PQexecParams(session->conn, "SELECT set_config('search_path', $1, false)", 1, NULL, values, NULL, NULL, 0),
            "SET search_path");
        if (result == NULL)
            goto failed;
    }
    if (prepare_all(session))
        return TRUE;

failed:
    session_close(session);
    return FALSE;
}

void
session_close(Session *session)
{
    g_clear_pointer(&session->conn, PQfinish);
}

/* The statement as the simple protocol wants it, with its values in the text. */
static char *
spell_out(Session *session, const char *sql, const Params *params)
{
    GString *text = g_string_new(NULL);

    for (const char *at = sql; *at != '\0'; at++) {
        if (*at == '$' && g_ascii_isdigit(at[1])) {
            const char *value = params->text[at[1] - '1'];
            char *literal = PQescapeLiteral(session->conn, value, strlen(value));
            g_string_append(text, literal);
            PQfreemem(literal);
            at++;
        } else {
            g_string_append_c(text, *at);
        }
    }
    return g_string_free(text, FALSE);
}

PGresult *
session_run(Session *session, int id, const Params *params)
{
    const char *sql = statement_sql(session, id);
    const char *values[G_N_ELEMENTS(params->text)] = {NULL};
    int way = g_rand_int_range(session->random, 0, 4);
    g_autofree char *text = way == 0 ? spell_out(session, sql, params) : NULL;
    PGresult *result = NULL;
    gint64 begun = g_get_monotonic_time();

    for (int n = 0; n < params->count; n++)
        values[n] = params->text[n];
    if (way == 0)
        result = PQexec(session->conn, text);
    else if (way == 1)
        result = PQexecParams(session->conn, sql, params->count, NULL, values, NULL, NULL, 0);
    else
        result = PQexecPrepared(session->conn, session->statements[id].name, params->count, values, NULL, NULL, 0);
    stats_statement(session->stats, session->version, session->name, sql, g_get_monotonic_time() - begun);
    session->sent++;
    return judge(session, result, text != NULL ? text : sql);
}

gboolean
session_command(Session *session, const char *sql)
{
    gint64 begun = g_get_monotonic_time();
    g_autoptr(PGresult) result = PQexec(session->conn, sql);

    stats_statement(session->stats, session->version, session->name, sql, g_get_monotonic_time() - begun);
    session->sent++;
    result = judge(session, g_steal_pointer(&result), sql);
    return result != NULL;
}

gboolean
session_recover(Session *session)
{
    if (PQstatus(session->conn) == CONNECTION_OK && PQtransactionStatus(session->conn) != PQTRANS_IDLE) {
        g_autoptr(PGresult) result = PQexec(session->conn, "ROLLBACK");
        (void)result;
    }
    if (PQstatus(session->conn) == CONNECTION_OK && session->is_stale) {
        g_autoptr(PGresult) result = PQexec(session->conn, "DEALLOCATE ALL");
        (void)result;
        return prepare_all(session);
    }
    return PQstatus(session->conn) == CONNECTION_OK;
}
