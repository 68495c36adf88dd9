/*
 * What a run is told: a plain value that can be copied. Strings are interned (g_intern_string) and never freed.
 */
#ifndef PGSEAM_RUN_OPTIONS_H
#define PGSEAM_RUN_OPTIONS_H

#include <glib.h>

#define MOST_STANDBYS 8

/* Who may be in the way: id, name in options, what it is. The name is in journals. */
#define BLOCKER_KINDS(X)                                                                                               \
    X(BLOCKER_IDLE, "idle-in-transaction", "a session that is idle in a transaction")                                  \
    X(BLOCKER_ACTIVE, "active", "a running query")                                                                     \
    X(BLOCKER_AUTOVACUUM, "autovacuum", "an autovacuum, which PostgreSQL makes give way")                              \
    X(BLOCKER_WRAPAROUND, "wraparound", "an autovacuum to prevent wraparound, which does not give way")                \
    X(BLOCKER_PREPARED, "prepared", "a prepared transaction")                                                          \
    X(BLOCKER_STANDBY, "standby", "a query on a standby (--standby)")                                                  \
    X(BLOCKER_OTHER, "other", "a session of which the role may not see what it does")

#define BLOCKER_ENUM(id, name, doc) id,
typedef enum BlockerKind { BLOCKER_KINDS(BLOCKER_ENUM) N_BLOCKER_KINDS } BlockerKind;

/* What is done about one: name in options. */
#define BLOCKER_ACTIONS(X)                                                                                             \
    X(ACTION_WAIT, "wait")                                                                                             \
    X(ACTION_CANCEL, "cancel")                                                                                         \
    X(ACTION_TERMINATE, "terminate")                                                                                   \
    X(ACTION_GIVE_UP, "give-up")

#define ACTION_ENUM(id, name) id,
typedef enum BlockerAction { BLOCKER_ACTIONS(ACTION_ENUM) N_BLOCKER_ACTIONS } BlockerAction;

typedef struct BlockerPolicy {
    BlockerAction action;
    gint64 age_ms; /* only for transactions that are older */
} BlockerPolicy;

typedef enum VacuumPolicy { VACUUM_SLOW, VACUUM_PAUSE, VACUUM_IGNORE, N_VACUUM_POLICIES } VacuumPolicy;

/* What the cut-over of a rewrite does when transactions with an older snapshot outlast snapshot_wait_ms: stop with
 * SEAM_ERROR_LOCK, or go on, and they find the table empty. */
typedef enum OldSnapshotPolicy { OLD_SNAPSHOT_WAIT, OLD_SNAPSHOT_PROCEED } OldSnapshotPolicy;

typedef struct RunOptions {
    const char *target;  /* as psql's -d; NULL: PG* variables */
    int lock_budget_ms;  /* how long we may wait for a lock and hold it */
    int lock_deadline_s; /* how long we try before we give up with exit 4 */
    int lease_timeout_s; /* after how long without a heartbeat another pgseam takes over */
    int reconnect_s;     /* how long we try to get a lost connection back */
    gboolean is_quiet;

    /* From here on: settings.h. */
    guint32 given;              /* bit by SettingId: given on the command line */
    int batch_ms;               /* what a batch of a backfill shall take */
    int max_batch_rows;         /* its ceiling */
    int load_percent;           /* how much of the time a backfill works, 1 to 100 */
    gint64 max_lag_bytes;       /* replay lag of a standby above which a backfill pauses; 0: never */
    gint64 max_lag_ms;          /* the same in time */
    gint64 max_slot_bytes;      /* WAL kept by a replication slot above which a backfill pauses; 0: never */
    VacuumPolicy on_vacuum;     /* what a backfill does while its table is being vacuumed */
    const char *pause_file;     /* NULL: none */
    const char *throttle_query; /* NULL: none */
    double throttle_query_limit;
    const char *capture;         /* of a rewrite: "logical", "trigger" or "auto" */
    int copy_jobs;               /* how many sessions copy, build and compare at a time */
    gboolean postpones_cut_over; /* a rewrite keeps catching up until it is told to cut over */
    gint64 snapshot_wait_ms;     /* how long the cut-over waits for transactions with an older snapshot */
    OldSnapshotPolicy on_old_snapshot;
    const char *standbys[MOST_STANDBYS + 1]; /* conninfo strings, ended by NULL */
    BlockerPolicy policies[N_BLOCKER_KINDS];
} RunOptions;

const char *blocker_kind_name(BlockerKind kind);
const char *blocker_kind_doc(BlockerKind kind);
const char *blocker_action_name(BlockerAction action);

#endif
