/*
 * The gauges of the throttle: each tells whether bulk work may go on now. A new one is a row in gauges.c.
 */
#ifndef PGSEAM_RUN_GAUGES_H
#define PGSEAM_RUN_GAUGES_H

#include "run/run.h"

#define MOST_GAUGES 8

typedef struct Reading {
    char *reason;     /* why work waits or is slowed down; NULL: it may go on */
    gboolean is_slow; /* go on, at half the pace */
    gint64 next;      /* monotonic microseconds: when to look again */
} Reading;

/*
 * Look at those that are due; the first that wants to wait counts most, then one that wants to go slowly. A gauge that
 * cannot be read wants to wait, and says why. *ret_reason belongs to `readings`, which has MOST_GAUGES, zeroed at
 * first. Errors: only those of our own sessions and of the tick.
 */
gboolean gauges_read(Run *run, Reading *readings, const char **ret_reason, gboolean *ret_is_slow, GError **error);

/* Before anything begins: read each that is set once. SEAM_ERROR_REFUSED where that fails, with the server's reason. */
gboolean gauges_check(Run *run, GError **error);

void readings_clear(Reading *readings);

#endif
