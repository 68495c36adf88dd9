/*
 * Who waits for whom: the picture of `pgseam locks`.
 */
#ifndef PGSEAM_RUN_WAITS_H
#define PGSEAM_RUN_WAITS_H

#include "db/conn.h"

/* A session that waits for a lock or makes another one wait. */
typedef struct LockWait {
    int pid; /* 0: a prepared transaction */
    char *who;
    char *state;
    char *query; /* shortened; NULL where we may not see it */
    char *wants; /* "ACCESS EXCLUSIVE on shop.orders"; NULL: waits for nobody */
    gint64 waited_ms;
    gint64 transaction_ms;
    GArray *blocked_by; /* int: pids; 0 for a prepared transaction */
} LockWait;

/* All of this database, those that wait for nobody first. The caller unrefs. */
GPtrArray *waits_load(DbConn *conn, GError **error);

#endif
