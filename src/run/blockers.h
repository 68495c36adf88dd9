/*
 * Who is in the way: holders of locks on our targets, from pg_locks, pg_stat_activity and pg_prepared_xacts, here or on
 * a standby.
 */
#ifndef PGSEAM_RUN_BLOCKERS_H
#define PGSEAM_RUN_BLOCKERS_H

#include "db/conn.h"
#include "rules/locks.h"
#include "run/options.h"

typedef struct Blocker {
    int pid; /* 0: a prepared transaction */
    BlockerKind kind;
    char *standby; /* where it is; NULL: on the primary */
    char *who;     /* "web@10.0.0.7 (psql)" or "prepared transaction 'x'" */
    char *state;   /* "idle in transaction", "active", "autovacuum", ... */
    char *since;   /* clock time at which its transaction began */
    char *query_start;
    gint64 age_ms;       /* of its transaction; 0 where we may not see it */
    char *vxid;          /* virtual transaction: what tells one transaction from the next */
    char *backend_start; /* what tells one session from the next of the same pid; NULL where we may not see it */
    char *mode;          /* "ACCESS SHARE"; NULL: it is not a relation's lock that is awaited */
    char *relation;      /* NULL likewise */
    char *query;         /* shortened; NULL where we may not see it */
    char *may_not;       /* why our role may not signal it; NULL: it may */
} Blocker;

/* A relation that is to be locked: quoted qualified name. */
typedef struct LockTarget {
    char *relation;
    LockMode mode;
    gboolean is_view;
} LockTarget;

void lock_target_free(gpointer target);

/* The sessions that hold a lock on one of `targets` (LockTarget) that conflicts with its mode; `own_pid` left out.
 * Oldest first. The caller unrefs. Reads catalogs only. */
GPtrArray *blockers_find(DbConn *watch, const GPtrArray *targets, int own_pid, GError **error);

/* Who keeps session `pid` from going on, a row lock or an old transaction that is waited for included. The caller
 * unrefs; empty if nobody does. */
GPtrArray *blockers_of(DbConn *watch, int pid, GError **error);

/* How many sessions wait for a lock on one of the targets, our own left out, and the longest wait in milliseconds. */
gboolean blockers_queue(DbConn *watch, const GPtrArray *targets, int own_pid, int *ret_waiting, gint64 *ret_longest_ms,
                        GError **error);

/* Cancel or terminate exactly the transaction that was seen. *ret_sent FALSE: it is gone already. */
gboolean blockers_signal(DbConn *conn, const Blocker *blocker, gboolean terminate, gboolean *ret_sent, GError **error);

/* How long somebody has been waiting for a row or a table that session `pid` has locked, in milliseconds. */
gboolean blockers_waiting_for(DbConn *watch, int pid, gint64 *ret_longest_ms, GError **error);

/* "pid 4711 (web@10.0.0.7, idle in transaction since 10:02:11, SELECT ...) holds ACCESS SHARE on shop.orders"; one on a
 * standby begins with "standby HOST: ". The caller frees. */
char *blocker_describe(const Blocker *blocker);

/* A line for each of the first five. The caller frees. */
char *blockers_describe(const GPtrArray *blockers);

#endif
