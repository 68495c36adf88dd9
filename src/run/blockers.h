/*
 * Who is in the way: holders of locks on our targets, from pg_locks, pg_stat_activity and pg_prepared_xacts.
 */
#ifndef PGSEAM_RUN_BLOCKERS_H
#define PGSEAM_RUN_BLOCKERS_H

#include "db/conn.h"
#include "rules/locks.h"

typedef struct Blocker {
    int pid;       /* 0: a prepared transaction */
    char *who;     /* "web@10.0.0.7 (psql)" or "prepared transaction 'x'" */
    char *state;   /* "idle in transaction", "active", "autovacuum", ... */
    char *since;   /* clock time at which its transaction began */
    gint64 age_ms; /* of its transaction; 0 where we may not see it */
    char *vxid;    /* virtual transaction: what tells one transaction from the next */
    char *mode;    /* "ACCESS SHARE" */
    char *relation;
    char *query; /* shortened; NULL where we may not see it */
    gboolean is_autovacuum;
    gboolean is_wraparound; /* an autovacuum that does not give way */
} Blocker;

/*
 * The sessions that hold, on one of `relations` (list of quoted qualified names), a lock that conflicts with `mode`;
 * our own sessions (application_name of this pgseam, by pid) left out. Oldest first. The caller unrefs. Reads catalogs
 * only.
 */
GPtrArray *blockers_find(DbConn *watch, const GPtrArray *relations, LockMode mode, int own_pid, GError **error);

/* How many sessions wait for a lock on one of the relations, our own left out, and the longest wait in milliseconds. */
gboolean blockers_queue(DbConn *watch, const GPtrArray *relations, int own_pid, int *ret_waiting,
                        gint64 *ret_longest_ms, GError **error);

/* Who keeps session `pid` from going on (a row lock, too), as text; NULL if nobody does. The caller frees. */
gboolean blockers_of_session(DbConn *watch, int pid, char **ret_who, GError **error);

/* One line for each blocker: "pid 4711 (web@10.0.0.7, idle in transaction since 10:02:11, SELECT ...) holds ACCESS
 * SHARE on shop.orders"; the first five. The caller frees. */
char *blockers_describe(const GPtrArray *blockers);

#endif
