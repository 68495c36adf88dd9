#include "base/error.h"
#include "cli/command.h"
#include "cli/driver.h"
#include "run/quarantine.h"
#include "run/version_gate.h"
#include "steps/ops.h"

static char *look_text;

static GOptionEntry own_options[] = {
    {"look", 0, 0, G_OPTION_ARG_STRING, &look_text,
     "With a version: look for so long who uses it, to tell (default 1s; 0: do not look)", "TIME"},
    {NULL}};

/* Once begun, a rollback has to be finished: what would stop it half way is looked for before. */
static gboolean
begin_rollback(Run *run, StepOpsOf table, GError **error)
{
    return rewrite_check_undo(run, error) && quarantine_keep(run, error) && runner_rollback(run, table, error);
}

static gboolean
run_rollback(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(options, args[0], error);
    g_auto(Run) run = {0};
    gint64 look_ms = GATE_LOOK_BACK_MS;

    if (migration == NULL)
        return FALSE;
    if (!command_time("--look", look_text, &look_ms, error))
        return FALSE;
    if (migration->state == STATE_COMPLETE) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s is complete: there is nothing left to roll back to",
                       migration->name);
        seam_error_hint(error, "write a new migration that changes it back");
        return FALSE;
    }
    if (!driver_open(&run, options, migration, error))
        return FALSE;
    if (migration->state == STATE_ROLLED_BACK)
        return driver_print_status(run.control, common, migration->name, error);
    if (migration->stage == STAGE_GATE && !version_gate_warn(&run, look_ms, error))
        return FALSE;
    return driver_run(&run, common, "rollback", migration->stage,
                      migration->stage == STAGE_ROLLBACK ? runner_rollback : begin_rollback, error);
}

const Command command_rollback = {
    .name = "rollback",
    .arguments = "[MIGRATION]",
    .summary = "undo a migration that is not complete",
    .help =
        "Undoes the steps of the migration that is under way (or MIGRATION) in reverse order: the schema is as it was\n"
        "before `pgseam start`, and what the old application has written stays. What a plan says cannot be undone "
        "(rows\n"
        "that an UPDATE changed in existing columns) is not. Refused (exit 3) once something has been dropped.\n"
        "A version goes at once, also while somebody uses it: who does is shown, but not waited for.\n\n"
        "Example: pgseam rollback -d shop",
    .min_args = 0,
    .max_args = 1,
    .options = own_options,
    .takes_run_options = TRUE,
    .run = run_rollback,
};
