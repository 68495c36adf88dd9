/* Waiting that can be interrupted, and the common rate of all clients. */
#ifndef LOAD_PACE_H
#define LOAD_PACE_H

#include <glib.h>

typedef struct {
    GMutex lock;
    GCond changed;
    double rate;
    gint64 next;
} Pace;

/* `rate` is statements a second over all clients, 0 for no limit. */
void pace_init(Pace *pace, double rate);
void pace_clear(Pace *pace);

/* Changes the rate. */
void pace_set_rate(Pace *pace, double rate);

/* Waits until `statements` more may have been sent, or until *stop is set and pace_wake called. */
void pace_wait(Pace *pace, int statements, const gint *stop);

/* Sleeps, with the same way out. */
void pace_sleep(Pace *pace, gint64 micros, const gint *stop);

/* Lets all who wait look at their stop flag. */
void pace_wake(Pace *pace);

#endif
