/*
 * What slows bulk work down: how large the next batch is, and whether it may run now (gauges.h).
 */
#ifndef PGSEAM_RUN_THROTTLE_H
#define PGSEAM_RUN_THROTTLE_H

#include "run/run.h"

#define BATCH_ROWS_FIRST 1000

/*
 * The next batch's size from how long the last one took. Grows at most by half, shrinks at most to a quarter, stays
 * between 1 and `max_rows`. Pure.
 */
int throttle_next_rows(int rows, double took_ms, double target_ms, int max_rows);

/* After a batch that ran into its lock or time limit: half, at least 1. Pure. */
int throttle_back_off_rows(int rows);

/* Before anything begins: what is set can be read, or SEAM_ERROR_REFUSED says why not; what the role may not see is
 * said. */
gboolean throttle_check(Run *run, GError **error);

/* Read the settings again, and whether an operator has paused: at most every 200 ms. */
gboolean throttle_refresh(Run *run, GError **error);
gboolean throttle_is_paused(const Run *run);

/*
 * Between batches: leaves the rest of the time to the application (options.load_percent), and waits while a gauge says
 * so. The reason is in the journal and on the progress line. `done` is where the progress stands. Errors: those of the
 * tick and of our own sessions.
 */
gboolean throttle_wait(Run *run, double batch_ms, double done, GError **error);

/* After the last batch: what slowed it down is no reason any more. */
gboolean throttle_end(Run *run, GError **error);

/* A line on stderr, once for each format in a run. */
void throttle_say_once(Run *run, const char *format, ...) G_GNUC_PRINTF(2, 3);

void throttle_free(Throttle *throttle);

#endif
