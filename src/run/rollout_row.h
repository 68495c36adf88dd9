/*
 * A rollout's row, its history and word of it. Private to run/rollout*.c; rollout.h has the law.
 */
#ifndef PGSEAM_RUN_ROLLOUT_ROW_H
#define PGSEAM_RUN_ROLLOUT_ROW_H

#include "run/rollout_check.h"

/* The journal and the functions, made or brought up to date. In no transaction. */
gboolean rollout_row_ensure(DbConn *conn, GError **error);

/* Who does it, as the operating system has it: user@host. The caller frees. */
char *rollout_row_client(void);

/* Lock the row and read it (Rollout). Empty where there is none. */
GPtrArray *rollout_row_lock(DbConn *conn, const char *name, GError **error);
/* What it is from now on. */
gboolean rollout_row_put(DbConn *conn, const Rollout *rollout, const char *action, const char *because, GError **error);

/* SEAM_ERROR_REFUSED: there is no rollout of that name. */
void rollout_row_unknown(const char *name, GError **error);

/* What was compared, within a transaction; without effect on a journal from before: begin a new period; forget all.
 */
gboolean rollout_figures_begin_period(DbConn *conn, const char *name, GError **error);
gboolean rollout_figures_forget(DbConn *conn, const char *name, GError **error);

/* Note a sample: sets its at and by. In a transaction, the row locked. */
gboolean rollout_figures_put(DbConn *conn, const char *name, RolloutFigures *sample, GError **error);

#endif
