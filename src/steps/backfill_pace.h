/*
 * How large the next batch is. Pure.
 *
 * A statement with a join or a subquery has a part that takes the same time however few rows the batch has: to make
 * batches smaller for its sake would only make it more often. So the time that does not depend on the rows is estimated
 * from two batches of different size, and comes on top of what a batch shall take, within what one may take.
 */
#ifndef PGSEAM_STEPS_BACKFILL_PACE_H
#define PGSEAM_STEPS_BACKFILL_PACE_H

#include <glib.h>

typedef struct Pace {
    int rows;        /* of the next batch */
    double fixed_ms; /* the part that does not depend on the rows, estimated */
    int last_rows;   /* the batch before; 0: none yet */
    double last_ms;
} Pace;

/* They may change while it runs. */
typedef struct PaceLimits {
    double target_ms; /* what a batch shall take ... */
    double limit_ms;  /* ... and what it may take with its fixed part */
    int max_rows;     /* never more */
} PaceLimits;

void pace_init(Pace *pace, int max_rows);

/* After a batch of pace->rows rows that took `took_ms`. */
void pace_took(Pace *pace, const PaceLimits *limits, double took_ms);

#endif
