/*
 * The gate of a migration that makes a version: whether somebody still works with what is about to be taken away.
 *
 * Law: nothing is changed here but what was seen, in the journal; the migration stays at the gate, whatever ends the
 * wait. No lease is held meanwhile, so status, rollback and another complete find their way.
 */
#ifndef PGSEAM_RUN_VERSION_GATE_H
#define PGSEAM_RUN_VERSION_GATE_H

#include "run/run.h"

typedef struct GateOptions {
    gint64 look_ms;  /* how long to look; 0: not at all */
    gint64 alone_ms; /* how long instead, where nobody but pgseam is connected to the database; 0: the same */
    gint64 for_ms;   /* nobody may have been seen for so long before that either */
    gboolean is_forced;
    gboolean is_left; /* by a run that was stopped behind it: only users are looked for, and each step for its rows */
    gboolean waits;   /* until nobody has been seen for for_ms */
} GateOptions;

/* How long the commands look if not told otherwise. */
#define GATE_LOOK_MS      5000
#define GATE_LOOK_BACK_MS 1000

/* Before complete: SEAM_ERROR_REFUSED while rows are in quarantine (run/quarantine.h; not where the gate has been left
 * before: what would be asked may be gone), and with who was seen on the old side; forced, they are shown and noted as
 * an event. Passes where the migration makes no version, but SEAM_ERROR_REFUSED for a wait: nobody could be seen. */
gboolean version_gate_pass(Run *run, const GateOptions *options, GError **error);

/* Before rollback: who is on the new side is shown and noted as an event, and nobody is waited for. A rollback is what
 * one does when the new application is at fault. */
gboolean version_gate_warn(Run *run, gint64 look_ms, GError **error);

#endif
