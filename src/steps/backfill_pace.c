#include "steps/backfill_pace.h"

#include "run/throttle.h"

#define FAR  6
#define LEAP 3

void
pace_init(Pace *pace, int max_rows)
{
    *pace = (Pace){.rows = MIN(BATCH_ROWS_FIRST, max_rows)};
}

/* The line through two batches, where it meets zero rows; two that are nearly of a size say nothing. */
static double
fixed_part(const Pace *pace, double took_ms)
{
    double apart = (double)pace->rows - pace->last_rows;
    double fixed;

    if (pace->last_rows == 0 || ABS(apart) < 0.2 * pace->rows)
        return pace->fixed_ms;
    fixed = (pace->last_ms * pace->rows - took_ms * pace->last_rows) / apart;
    return CLAMP(fixed, 0, MIN(took_ms, pace->last_ms));
}

void
pace_took(Pace *pace, const PaceLimits *limits, double took_ms)
{
    double target;

    pace->fixed_ms = fixed_part(pace, took_ms);
    target = MAX(limits->target_ms, MIN(pace->fixed_ms + limits->target_ms, limits->limit_ms));
    pace->last_rows = pace->rows;
    pace->last_ms = took_ms;
    /* Far from the target there is no need to feel the way. */
    if (took_ms * FAR <= target)
        pace->rows = (int)MIN((gint64)pace->rows * LEAP, limits->max_rows);
    else
        pace->rows = throttle_next_rows(pace->rows, took_ms, target, limits->max_rows);
}
