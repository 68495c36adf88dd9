/*
 * SIGINT and SIGTERM ask us to stop at the next safe place; the state stays resumable. SIGHUP likewise (a terminal that
 * closes). A second signal of the same kind ends the process at once, which is as safe as kill -9 and no safer.
 */
#ifndef PGSEAM_RUN_CANCEL_H
#define PGSEAM_RUN_CANCEL_H

#include <glib.h>

void cancel_install(void);

/* FALSE with SEAM_ERROR_CANCELLED if a signal has come. */
gboolean cancel_check(GError **error);

#endif
