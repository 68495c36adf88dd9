/*
 * What the files of this folder share about a session; nobody else includes it.
 */
#ifndef PGSEAM_DB_SESSION_H
#define PGSEAM_DB_SESSION_H

#include <libpq-fe.h>

#include "db/conn.h"

struct DbConn {
    PGconn *pg;
    char *search_path;
    char *time_zone;
    char *date_style;
    char *place;
    gboolean is_standby; /* what the caller asked for */
    DbSettings settings;
    unsigned tick_ms;
    DbTick tick;
    gpointer tick_data;
    gboolean forgoes_cancel;
    GHashTable *kept; /* text of a statement, by its address -> its name in the session; NULL: none yet */
};

/* Connect, whatever comes of it (PQstatus). `connect_s` (NULL: the target's) is a timeout that yields to the target;
 * `replication` (NULL: an ordinary session) is libpq's parameter of that name. */
PGconn *session_connect(const char *target, const char *application_name, const char *connect_s,
                        const char *replication);

/* Notices go to the debug log. */
void session_mute(DbConn *conn);

/* Wait until libpq has a whole result or the tick says stop. TRUE: a result can be fetched without blocking. */
gboolean session_wait(DbConn *conn, GError **error);

/* Take all results of the statement, keep the last; NULL where the wait was ended. A statement that succeeded before
 * the cancel reached it has succeeded (a COMMIT above all): whoever wanted to stop is asked again at the next one. */
DbResult *session_fetch(DbConn *conn, GError **error);

/* The same; NULL with the server's error where the last result is no success. */
DbResult *session_take(DbConn *conn, GError **error);

void session_send_cancel(DbConn *conn);

/* SEAM_ERROR_LOST with what libpq says: for a session that was there, and for one that never came to be. */
void session_set_lost(const DbConn *conn, GError **error);
void session_set_unreachable(const DbConn *conn, GError **error);

/* What the server said: SEAM_ERROR_SQL, or SEAM_ERROR_LOST where it ends the session. */
void session_set_sql_error(const DbConn *conn, const DbResult *result, GError **error);

#endif
