/*
 * One session.
 *
 * Law: a session is never used through a pooler, carries pinned settings, and can always be interrupted: while a
 * statement runs, the tick function is called at its interval and may end it.
 */
#ifndef PGSEAM_DB_CONN_H
#define PGSEAM_DB_CONN_H

#include <glib.h>

#include "db/result.h"

typedef struct DbConn DbConn;

/* What the user's role brings along and the user's own statements must run under. Strings belong to the connection. */
typedef struct DbSettings {
    const char *search_path; /* resolved: a quoted list of the schemas that exist, without pg_catalog */
    const char *time_zone;
    const char *date_style; /* as the role has it */
} DbSettings;

/* Called every tick while a statement of the connection runs. Return FALSE with an error set to end the statement: it
 * is cancelled and the error becomes that of the query, unless it succeeded before the cancel reached it. So a reason
 * to stop must last: the tick is asked again during the next statement. May use other connections. */
typedef gboolean (*DbTick)(gpointer data, GError **error);

/*
 * Open a session. `target` is a database name, conninfo string or URI as psql takes them, or NULL for the PG*
 * variables. `application_name` is cut to 63 bytes by the server. Sets search_path = '' (each name is qualified), ISO
 * dates, no statement_timeout, a lock_timeout of 5 s as a last resort, READ COMMITTED, standard_conforming_strings.
 * Errors: SEAM_ERROR_LOST if the server cannot be reached; SEAM_ERROR_REFUSED behind a pooler (found by comparing the
 * backend's pid with the one of the protocol) and for servers before 14 or on a standby.
 */
DbConn *db_open(const char *target, const char *application_name, GError **error);

/* The same on a standby, for reading only: SEAM_ERROR_REFUSED where the server is none. Connecting takes at most a few
 * seconds unless the target says otherwise (connect_timeout). */
DbConn *db_open_standby(const char *target, const char *application_name, GError **error);

/* TRUE if a target carries a password, which the journal, a process list and a log must not show. */
gboolean db_target_has_password(const char *target);

void db_close(DbConn *conn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DbConn, db_close)

int db_server_version(const DbConn *conn); /* as server_version_num: 150018 */
int db_backend_pid(const DbConn *conn);
const char *db_place(const DbConn *conn); /* "HOST", or "HOST:PORT" where the port is not 5432 */
gboolean db_is_near(const DbConn *conn);  /* a socket or this host: what passes through us costs no network */
const DbSettings *db_settings(const DbConn *conn);
gboolean db_is_lost(const DbConn *conn); /* a NULL one is */

/* When a tick ends a wait on this connection, leave it at that: no cancel is sent, since that would wait for the
 * server, which may be frozen. The connection is of no use afterwards; whoever has it closes it. */
void db_forgo_cancel(DbConn *conn);

/* What to do while waiting, and how often in milliseconds. A NULL function stops ticking. */
void db_on_wait(DbConn *conn, unsigned interval_ms, DbTick tick, gpointer data);

/*
 * Run one statement with text parameters: db_query(conn, sql, DB_ARGS("a", NULL), &error), or DB_NONE. Returns NULL
 * with an error of code SEAM_ERROR_SQL (with sqlstate, detail and hint of the server), SEAM_ERROR_LOST, or that of the
 * tick. The caller frees the result.
 */
#define DB_NONE 0, NULL
#define DB_ARGS(...)                                                                                                   \
    (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)), (const char *const[])                          \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
DbResult *db_query(DbConn *conn, const char *sql, int n_values, const char *const *values, GError **error);

/* The same where only success matters. */
gboolean db_run(DbConn *conn, const char *sql, int n_values, const char *const *values, GError **error);

/* A value as such a parameter: a number or an oid; the place of a row, as ctid has it. The caller frees. */
char *db_int_text(gint64 number);
char *db_tid_text(gint64 block, gint64 offset);

/* db_query() for a statement that the session keeps prepared from its first use on; parsed once and, with
 * plan_cache_mode = force_generic_plan, planned once per search_path. `sql` must be a text that never goes away. */
DbResult *db_query_kept(DbConn *conn, const char *sql, int n_values, const char *const *values, GError **error);

/* Several statements (char *, without parameters) in one round trip, in the open transaction or one of their own. The
 * first that fails ends it; the error's detail says which one that was. */
gboolean db_run_batch(DbConn *conn, const GPtrArray *statements, GError **error);

/* Send statements (without parameters) and do not wait: the session is busy until db_stop(). SEAM_ERROR_LOST. */
gboolean db_send(DbConn *conn, const char *sql, GError **error);

/* Cancel what was sent, take what came of it, and end its transaction; without effect on a session that is idle. */
void db_stop(DbConn *conn);

/* COMMIT, and make sure that it was one: a transaction that had failed answers COMMIT with ROLLBACK and no error. */
gboolean db_commit(DbConn *conn, GError **error);

/* ROLLBACK if a transaction is open; for clean-up paths, so its own failure is not reported. */
void db_abort(DbConn *conn);

/* Settings for the rest of the open transaction, in milliseconds; 0 switches off. */
gboolean db_set_local_ms(DbConn *conn, const char *setting, int milliseconds, GError **error);

#endif
