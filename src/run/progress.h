/*
 * Progress on stderr: one line that is written over on a terminal, plain lines otherwise; nothing if told to be quiet.
 */
#ifndef PGSEAM_RUN_PROGRESS_H
#define PGSEAM_RUN_PROGRESS_H

#include "run/run.h"

Progress *progress_new(gboolean is_quiet);
void progress_free(Progress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Progress, progress_free)

/* A line that stays. */
void progress_say(Progress *progress, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Begin to count: `total` is an estimate, 0 if unknown. */
void progress_begin(Progress *progress, const char *what, double total);

/* A better total, known only now. */
void progress_expect(Progress *progress, double total);

/* Where we are. Prints at most twice a second on a terminal, every five seconds otherwise. `reason` (may be NULL) says
 * why we are waiting. */
void progress_at(Progress *progress, double done, const char *reason);

/* Clear the line of the terminal. */
void progress_end(Progress *progress);

/* Seconds until done at the pace so far; -1 if unknown. */
double progress_eta(double done, double total, double seconds);

#endif
