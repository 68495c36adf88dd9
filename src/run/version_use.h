/*
 * Who works with a version's tables, and by which shape: the old one (the tables) or the new one (the version's views).
 *
 * PostgreSQL shows no session's search_path, but the locks of one say it: whoever goes through a view holds a lock on
 * it as well as on the table until the transaction ends, prepared statements included (measured on 14 to 18). So a look
 * reads pg_locks and pg_stat_activity, costs the application nothing, and sees whoever is in a transaction at that
 * moment. Looks are noted in pgseam.version_use by role, application_name and address.
 */
#ifndef PGSEAM_RUN_VERSION_USE_H
#define PGSEAM_RUN_VERSION_USE_H

#include "db/conn.h"
#include "plan/plan.h"

typedef enum VersionSide { SIDE_OLD, SIDE_NEW } VersionSide;

const char *version_side_name(VersionSide side); /* "old", "new": in the journal and in JSON */

typedef struct VersionUser {
    VersionSide side;
    char *role;
    char *application_name; /* may be empty */
    char *client_addr;      /* NULL: a socket, or not ours to see */
    char *first_seen;
    char *last_seen;
    gint64 ago_ms;   /* since it was last seen */
    gint64 times;    /* how many looks saw it */
    char *query;     /* the last one, shortened; NULL: not ours to see */
    GPtrArray *pids; /* char *, of its sessions that are connected now */
    gboolean is_recent;
    gboolean has_moved; /* seen on the other side since */
} VersionUser;

/* What a look needs to know; it stays the same while one watches. */
typedef struct VersionWatch {
    gint64 migration;
    char *schema;      /* of the version */
    char *schemas;     /* of all versions */
    char *watched;     /* its views whose tables count when they are used otherwise; NULL: all, in a plan from before */
    char *watched_all; /* likewise, also when used through another version's view */
    VersionSide side;
    char *begun;     /* by the server's clock */
    gint64 quiet_ms; /* for how long the side was watched before without seeing anybody */
} VersionWatch;

/* Whom the plan of the version's migration wants to be counted. */
void version_watch_of_plan(VersionWatch *watch, const Plan *plan);

/* The caller clears. Errors: those of db_query(). */
gboolean version_watch_begin(VersionWatch *watch, DbConn *conn, GError **error);
void version_watch_clear(VersionWatch *watch);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VersionWatch, version_watch_clear)

/* One look, noted. *ret_seen TRUE: somebody is on the watched side. */
gboolean version_watch_look(const VersionWatch *watch, DbConn *conn, gboolean *ret_seen, GError **error);

/* Note for how long the side is quiet. SEAM_ERROR_FENCED if the migration has left the gate. */
gboolean version_watch_note(const VersionWatch *watch, DbConn *conn, GError **error);

/* Everybody who was seen (VersionUser), of both sides, those of the old one first; recent are those seen within
 * `for_ms` before `since` (a time stamp, NULL: nobody is), or later. Empty for a journal from before. The caller
 * unrefs. */
GPtrArray *version_users(DbConn *conn, gint64 migration, const char *since, gint64 for_ms, GError **error);

/* "role web, application_name shop, from 10.0.0.7: last seen 3 s ago, pid 4711 connected, SELECT ...". The caller
 * frees.
 */
char *version_user_describe(const VersionUser *user);

#endif
