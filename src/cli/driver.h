/*
 * What the commands that run a migration share: become its runner, run, and leave a state that says what happened.
 */
#ifndef PGSEAM_CLI_DRIVER_H
#define PGSEAM_CLI_DRIVER_H

#include "cli/command.h"
#include "run/journal.h"
#include "run/ledger.h"
#include "run/runner.h"

typedef gboolean (*DriverWork)(Run *run, StepOpsOf ops_of, GError **error);

/* Open the run of a migration whose plan and id are known, take its lease, see that it still is where the caller saw it
 * (`stage`; another pgseam may have moved it on while we waited for the lease), do the work, note failure or
 * interruption, and print where it stands. Settings that were given are written down once the lease is ours.
 * `run->plan` and `run->migration` are set. */
gboolean driver_run(Run *run, const CommonOptions *common, const char *command, Stage stage, DriverWork work,
                    GError **error);

/* The same without printing. */
gboolean driver_do(Run *run, const char *command, Stage stage, DriverWork work, GError **error);

/* Sessions on a new migration, its plan being run->plan: checked once more, then written down, with its rows of the
 * ledger (LedgerEntry; NULL: it is of no folder). */
gboolean driver_begin(Run *run, const GPtrArray *entries, GError **error);

/* A plan that the command has made itself (run/own_plan.h), from its beginning to its end: as a migration of its own,
 * under the guard, in the journal, to be resumed if it is killed. `plan` is taken over. */
gboolean driver_carry_out(const RunOptions *options, const char *command, Plan *plan, GError **error);

/* Sessions on an existing migration: `migration` is what the journal says, run->plan its plan. The settings are those
 * of the journal, but for what `options` were given. */
gboolean driver_open(Run *run, const RunOptions *options, const JournalMigration *migration, GError **error);

/* The migration that is meant (`name` may be NULL), read through a short session of its own. */
JournalMigration *driver_find(const RunOptions *options, const char *name, GError **error);

/* Print one migration's status as the command's result. */
gboolean driver_print_status(DbConn *conn, const CommonOptions *common, const char *name, GError **error);

#endif
