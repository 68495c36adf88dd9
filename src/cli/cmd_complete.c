#include "base/error.h"
#include "cli/command.h"
#include "cli/driver.h"
#include "run/throttle.h"

/* Complete is for the gate and what comes after it. */
static gboolean
check_stage(const JournalMigration *migration, GError **error)
{
    if (migration->state == STATE_ROLLED_BACK || migration->stage == STAGE_ROLLBACK) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s %s", migration->name,
                       migration->state == STATE_ROLLED_BACK ? "has been rolled back" : "is being rolled back");
        seam_error_hint(error, migration->state == STATE_ROLLED_BACK ? "start it again with `pgseam start`"
                                                                     : "`pgseam rollback` finishes that");
        return FALSE;
    }
    if (migration->stage == STAGE_GATE || migration->stage == STAGE_CONTRACT)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s cannot be completed: %s is not finished", migration->name,
                   stage_name(migration->stage));
    seam_error_detail(error,
                      "state %s, %d of %d steps done, %" G_GINT64_FORMAT " of about %" G_GINT64_FORMAT " rows%s%s",
                      state_name(migration->state), migration->steps_done, migration->steps_total, migration->rows_done,
                      MAX(migration->rows_total, migration->rows_done), migration->reason != NULL ? "; " : "",
                      migration->reason != NULL ? migration->reason : "");
    seam_error_hint(error, migration->runner != NULL ? "wait until the other pgseam has finished, see `pgseam status`"
                                                     : "`pgseam resume` finishes it, `pgseam rollback` undoes it");
    return FALSE;
}

static gboolean
run_complete(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(options, args[0], error);
    g_auto(Run) run = {0};

    if (migration == NULL)
        return FALSE;
    if (migration->state != STATE_COMPLETE && !check_stage(migration, error))
        return FALSE;
    if (!driver_open(&run, options, migration, error))
        return FALSE;
    if (migration->state == STATE_COMPLETE)
        return driver_print_status(run.control, common, migration->name, error);
    return throttle_check(&run, error) &&
           driver_run(&run, common, "complete", migration->stage, runner_contract, error);
}

const Command command_complete = {
    .name = "complete",
    .arguments = "[MIGRATION]",
    .summary = "leave the gate: sweep, prove, then drop what the old application used",
    .help =
        "Runs the contract phase of the migration that is under way (or MIGRATION): rows that the old application has\n"
        "written meanwhile are swept, constraints proven, and what it used is dropped. The old application must be "
        "gone.\n"
        "Refused (exit 3) while anything before the gate is unfinished or unproven.\n\n"
        "Example: pgseam complete -d shop",
    .min_args = 0,
    .max_args = 1,
    .takes_run_options = TRUE,
    .run = run_complete,
};
