/*
 * Fault points: named places where a test makes us stumble.
 *
 * PGSEAM_FAULT=NAME:ACTION[:N] acts at the N-th (default first) time that the point is passed. Actions: error (the step
 * fails), kill (SIGKILL to ourselves), stop (SIGSTOP to ourselves), lose (the work session is terminated by the
 * server). Without the variable a point costs one comparison.
 */
#ifndef PGSEAM_RUN_FAULT_H
#define PGSEAM_RUN_FAULT_H

#include "run/run.h"

/* All points, for the torture test: `pgseam fault-points` prints them. NULL-terminated. */
extern const char *const fault_points[];

/* Pass a point; `name` must be one of fault_points. FALSE with an error where the fault says so. */
gboolean fault_point(Run *run, const char *name, GError **error);

#endif
