/*
 * What slows bulk work down: how large the next batch is, and whether it may run now.
 */
#ifndef PGSEAM_RUN_THROTTLE_H
#define PGSEAM_RUN_THROTTLE_H

#include "run/run.h"

#define BATCH_ROWS_FIRST 500

/*
 * The next batch's size from how long the last one took. Grows at most by half, shrinks at most to a quarter, stays
 * between 1 and `max_rows`. Pure.
 */
int throttle_next_rows(int rows, double took_ms, double target_ms, int max_rows);

/* After a batch that ran into its lock or time limit: half, at least 1. Pure. */
int throttle_back_off_rows(int rows);

/*
 * Between batches: leaves the rest of the time to the application (options.load_percent), and waits while a gauge says
 * so: an operator's pause, replay lag of a standby. The reason is in the journal and on the progress line. `done` is
 * where the progress stands. Errors: those of the tick and of db_query().
 */
gboolean throttle_wait(Run *run, double batch_ms, double done, GError **error);

#endif
