/*
 * Triggers that log keys: forward on the source (capture "trigger"), and after any cut-over on the new table.
 *
 * Statement-level with transition tables: one INSERT ... SELECT for each statement of the application, however many
 * rows it changes. They fire ALWAYS, so a session with session_replication_role = replica is heard, too; but the apply
 * worker of a subscription fires row triggers only (manual, "Logical Replication / Architecture"), so a table that is
 * subscribed to gets row-level ones.
 */
#ifndef PGSEAM_REWRITE_TRIGGER_H
#define PGSEAM_REWRITE_TRIGGER_H

#include "rewrite/rewrite.h"

/* One set of triggers. */
typedef struct TriggerSet {
    const char *prefix; /* of the names of triggers and functions: "pgseam_capture" */
    const char *dirty;  /* the table that they log into */
    const char *mark;   /* the table that says that the table was emptied */
} TriggerSet;

extern const TriggerSet trigger_forward;
extern const TriggerSet trigger_reverse;

/* Make functions, tables and triggers in the open transaction of `conn`, which may lock the table in SHARE ROW
 * EXCLUSIVE; the table is the one that the application uses. The set's dirty table is made if it is not there. */
gboolean trigger_create(Rewrite *rewrite, const TriggerSet *set, DbConn *conn, GError **error);

/* Take them away, wherever the table is now; under the guard of `step` if the application uses it. Not an error if
 * there are none. */
gboolean trigger_remove(Rewrite *rewrite, const TriggerSet *set, const Step *step, gboolean is_live, GError **error);

/* Whether they are there. */
gboolean trigger_exists(Rewrite *rewrite, const TriggerSet *set, gboolean *ret_exists, GError **error);

gboolean trigger_take_truncate(Rewrite *rewrite, const TriggerSet *set, DbConn *conn, gboolean *ret_truncated,
                               GError **error);

#endif
