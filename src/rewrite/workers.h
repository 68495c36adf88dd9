/*
 * Parallel sessions: threads that each have two sessions and do one job after another, while the runner's own thread
 * keeps ticking (heartbeat, signals, capture).
 *
 * Law: a job touches nothing but its own memory and its sessions; Run, Rewrite, journal and progress belong to the
 * runner's thread. What a job must know is in it. A session is used by one thread at a time: the runner opens it, hands
 * it over with the first job, and gets it back when workers_run() returns. libpq allows that (manual, 34.20), and what
 * base/ and db/ keep in static memory is constant.
 */
#ifndef PGSEAM_REWRITE_WORKERS_H
#define PGSEAM_REWRITE_WORKERS_H

#include "rewrite/rewrite.h"

/* One thread's hands: two sessions, so that one can feed the other. */
typedef struct WorkerHands {
    DbConn *first;
    DbConn *second;
    const gint *stop; /* see workers_check() */
} WorkerHands;

typedef struct WorkersJob {
    /* The next job, or NULL if there is none left; called by the runner's thread, may wait (throttle). The job belongs
     * to the caller. FALSE on error. */
    gboolean (*next)(gpointer data, gpointer *ret_job, GError **error);
    /* In the worker's thread. */
    gboolean (*work)(const WorkerHands *hands, gpointer job, GError **error);
    /* In the runner's thread, after work() succeeded. */
    gboolean (*done)(gpointer data, gpointer job, GError **error);
    gpointer data;
    /* In the runner's thread: frees a job that failed, or that was begun when another one failed. NULL: nothing to
     * free. */
    GDestroyNotify drop;
} WorkersJob;

/* The rewrite's workers with at least `n` threads, opened if need be; they belong to the rewrite. Errors: those of
 * rewrite_session(). */
Workers *workers_of(Rewrite *rewrite, int n, GError **error);

/*
 * Do all jobs on at most `n` threads. Meanwhile the caller's thread ticks at least every 10 ms, except within next()
 * and done(). On an error, of a job or of the tick, no further job begins, statements of the others are cancelled
 * (looked at every 50 ms) and awaited, and the first error is returned: SEAM_ERROR_LOST for a session that was lost.
 * Sessions whose job failed are rolled back and closed; they are opened anew when they are needed next.
 *
 * done() is called for each job whose work() succeeded until the first error, and never after it.
 */
gboolean workers_run(Workers *workers, int n, const WorkersJob *jobs, GError **error);

/* For a job that waits for something else than a statement: FALSE with SEAM_ERROR_CANCELLED once it shall stop. */
gboolean workers_check(const WorkerHands *hands, GError **error);

/* Ends the threads, closes the sessions. NULL is allowed. */
void workers_free(Workers *workers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Workers, workers_free)

/* Where sessions come from, and what the caller's thread does while it waits: what workers_of() takes from the rewrite.
 * Both are called in the thread that runs the workers. */
typedef struct WorkersHost {
    /* `number` from 1 is for the session's name. NULL: the jobs need no sessions. */
    DbConn *(*open)(gpointer data, int number, GError **error);
    gboolean (*tick)(gpointer data, GError **error);
    gpointer data;
} WorkersHost;

Workers *workers_new(const WorkersHost *host);

/* At least `n` threads with their sessions; workers_run() does that by itself. Errors: those of the host. */
gboolean workers_open(Workers *workers, int n, GError **error);

#endif
