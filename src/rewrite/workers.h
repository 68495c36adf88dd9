/*
 * Parallel sessions: threads that each have two sessions and do one job after another, while the runner's own thread
 * keeps ticking (heartbeat, signals, capture).
 *
 * Law: a job touches nothing but its own memory and its sessions; Run, Rewrite, journal and progress belong to the
 * runner's thread. What a job must know is in it.
 */
#ifndef PGSEAM_REWRITE_WORKERS_H
#define PGSEAM_REWRITE_WORKERS_H

#include "rewrite/rewrite.h"

/* One thread's hands: two sessions, so that one can feed the other. */
typedef struct WorkerHands {
    DbConn *first;
    DbConn *second;
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
} WorkersJob;

/* The rewrite's workers with at least `n` threads, opened if need be; they belong to the rewrite. */
Workers *workers_of(Rewrite *rewrite, int n, GError **error);

/* Do all jobs on at most `n` threads. On an error the others are cancelled, and it is returned. */
gboolean workers_run(Workers *workers, int n, const WorkersJob *jobs, GError **error);

void workers_free(Workers *workers);

#endif
