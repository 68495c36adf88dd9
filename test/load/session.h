/* A connection of an application client: its statements, timed, and every error noted. */
#ifndef LOAD_SESSION_H
#define LOAD_SESSION_H

#include <libpq-fe.h>

#include "shop.h"
#include "stats.h"

/* A statement of an application; where the new version says nothing else (NULL), it says the same. */
typedef struct {
    const char *name;
    const char *sql[VERSIONS];
} Statement;

typedef struct {
    PGconn *conn;
    Stats *stats;
    const Statement *statements;
    int n_statements;
    GRand *random;
    Version version;
    char name[32];
    const char *conninfo;
    const char *path;
    /* Statements since the last call of whoever paces this session. */
    int sent;
    /* Whether the last failed statement may have been carried out nevertheless. */
    gboolean unknown;
    /* Whether a changed result type is something this application knows how to meet: by preparing anew. */
    gboolean prepares_anew;
    gboolean is_stale;
    /* SQLSTATE with which the server has ended the connection. */
    char last_words[6];
} Session;

/* Parameters of a statement, as text. */
typedef struct {
    char text[8][TEXT_SIZE];
    int count;
} Params;

void params_number(Params *params, gint64 number);
void params_text(Params *params, const char *text);

/* Connects and prepares. Errors are noted; FALSE means not connected. */
gboolean session_open(Session *session);

/* Forgets the connection. */
void session_close(Session *session);

/* Runs a statement of the application, prepared or not by chance. NULL on failure. */
PGresult *session_run(Session *session, int id, const Params *params);

/* Runs a plain command such as BEGIN. FALSE on failure. */
gboolean session_command(Session *session, const char *sql);

/* Rolls back, and prepares anew, if need be. FALSE when the connection is lost. */
gboolean session_recover(Session *session);

#endif
