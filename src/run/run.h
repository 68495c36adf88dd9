/*
 * What a step gets in hand: sessions, plan, options, and who we are.
 *
 * Law: `work` does what the application can feel; `control` writes journal and heartbeat, each statement its own short
 * transaction; `watch` only reads pg_locks and its like. None of them is used while it is busy: ticks of `work` and
 * `watch` use `control` and (in the guard) `watch`, never the other way round.
 */
#ifndef PGSEAM_RUN_RUN_H
#define PGSEAM_RUN_RUN_H

#include "db/conn.h"
#include "plan/plan.h"
#include "run/options.h"

typedef struct Progress Progress;

typedef struct Throttle Throttle;
typedef struct Patience Patience;

/* Work that goes on while a step waits: pumped by run_tick(), closed with the sessions. */
typedef struct RunCompanion {
    gpointer data; /* NULL: there is none */
    gboolean (*pump)(gpointer data, GError **error);
    void (*close)(gpointer data); /* its sessions end; what is on the server stays */
} RunCompanion;

typedef struct Run {
    RunOptions options;
    Plan *plan;       /* belongs to the run */
    gint64 migration; /* pgseam.migration.id */
    gint64 token;     /* our fencing token */
    DbConn *work;
    DbConn *control;
    DbConn *watch;
    Progress *progress;
    gint64 next_heartbeat; /* monotonic microseconds */
    int deadlock_ms;       /* the server's deadlock_timeout */
    gboolean is_leased;
    const Step *step;         /* the one in hand, for names of sessions and messages */
    GPtrArray *standbys;      /* sessions on options.standbys: standby.h */
    Throttle *throttle;       /* what the gauges remember: throttle.h */
    Patience *patience;       /* who is in the way and since when: patience.h */
    gboolean is_locked_first; /* of guard_apply_entering(): the attempt in hand took all locks before it settled */
    RunCompanion companion;
    gboolean is_pumping; /* a tick within the companion's own waits does not pump again */
} Run;

/* The defaults of the command line. */
void run_options_init(RunOptions *options);

/* Sessions for a migration that is known; `run` owns them. Errors: those of db_open(). */
gboolean run_open(Run *run, const char *migration_name, GError **error);
void run_close(Run *run);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_close)

/* Open what is lost again, within options.reconnect_s. The fence is checked by whoever writes next. */
gboolean run_reopen(Run *run, GError **error);

/* Name the sessions after the step: application_name = pgseam/<migration>/<kind>. */
gboolean run_name_sessions(Run *run, const Step *step, GError **error);

/*
 * BEGIN on `work` for something that writes: the fence is checked and held, the user's search_path, TimeZone and
 * DateStyle are set as the plan has them, commits do not wait for a standby while locks are held, and the server ends
 * the transaction by itself if we freeze for longer than `idle_ms`. Errors: SEAM_ERROR_FENCED, those of db_query().
 */
gboolean run_begin(Run *run, int idle_ms, GError **error);
/* The same, with limits for the statements of the transaction, set in the same round trip. */
typedef struct RunLimits {
    int idle_ms;
    int lock_ms;
    int statement_ms;
} RunLimits;
#define RUN_LIMIT_KEEP (-1)
gboolean run_begin_limited(Run *run, const RunLimits *limits, GError **error);
gboolean run_commit(Run *run, GError **error);

/* The same settings for a statement that may not be in a transaction; the fence is checked just before. */
gboolean run_prepare_alone(Run *run, GError **error);
/* Back to our own settings after it. */
void run_restore(Run *run);

/* How long a lock may be awaited in an attempt of which the budget leaves `fifths` fifths for that, in milliseconds;
 * always far below deadlock_timeout, so that in a deadlock with the application it is we who give way. */
int run_lock_timeout(const Run *run, int fifths);

/* A further session, ticking, with the plan's search_path, TimeZone and DateStyle, registered with the lease so that
 * whoever takes over ends it. The caller closes. Errors: those of db_open(), SEAM_ERROR_FENCED. */
DbConn *run_session(Run *run, const char *role, GError **error);

/* BEGIN on such a session: the fence is checked and held, commits do not wait for a standby. `isolation` is NULL or
 * "REPEATABLE READ". */
gboolean run_begin_on(Run *run, DbConn *conn, const char *isolation, GError **error);

/* The fence as a value, for threads that may not touch the run. */
typedef struct RunFence {
    char migration[32];
    char token[32];
} RunFence;
RunFence run_fence(const Run *run);

/* In the open transaction of `conn`: check the token and hold it; commits do not wait for a standby. From any thread.
 */
gboolean run_check_fence(DbConn *conn, const RunFence *fence, GError **error);

/* End the companion, if there is one. */
void run_close_companion(Run *run);

/* Heartbeat, signals and the companion: the tick of every long wait. FALSE with SEAM_ERROR_CANCELLED or
 * SEAM_ERROR_FENCED. */
gboolean run_tick(gpointer run, GError **error);

/* Say in the error's message which file and line the step is from, where the migration has several files. Not what is
 * no fault of the step: a signal, a lost connection, another runner. */
void run_place_error(const Step *step, GError **error);

/* Sleep in small pieces with ticks. */
gboolean run_sleep(Run *run, int milliseconds, GError **error);

#endif
