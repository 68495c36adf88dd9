/*
 * What the files of the guard share; nobody else includes it.
 */
#ifndef PGSEAM_RUN_ATTEMPT_H
#define PGSEAM_RUN_ATTEMPT_H

#include "run/blockers.h"
#include "run/guard.h"

typedef struct Attempt {
    Run *run;
    const Step *step;
    GPtrArray *targets;     /* LockTarget, each relation once, views first, in the order of their names */
    LockMode mode;          /* the strongest */
    const GPtrArray *parts; /* GuardPart: what is done, in one transaction */
    GuardNote note;
    const GuardEntry *entry; /* NULL: the locks are taken as declared */
    gboolean is_long;
    gint64 deadline;     /* monotonic microseconds */
    gint64 strong_since; /* monotonic microseconds; 0 while nothing is felt */
    int victims;         /* most sessions seen queued behind us */
    GPtrArray *blockers; /* as last seen */
    char *unseen;        /* why a standby could not be asked for more; NULL: all were */
    char *told;          /* what the status says of those in the way */
    gint64 told_at;
    int number;
} Attempt;

/* One target in its declared mode, but in none stronger than `most`. */
gboolean attempt_lock(Attempt *attempt, const LockTarget *target, LockMode most, GError **error);

/* The staging locks, all of them (guard.h says what for). */
gboolean attempt_stage(Attempt *attempt, GError **error);

#endif
