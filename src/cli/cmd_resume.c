#include "cli/command.h"
#include "cli/driver.h"
#include "run/progress.h"
#include "run/settings.h"
#include "run/throttle.h"

static gboolean
go_on(Run *run, const CommonOptions *common, Stage stage, GError **error)
{
    switch (stage) {
        case STAGE_EXPAND:
        case STAGE_BACKFILL:
            return throttle_check(run, error) && driver_run(run, common, "resume", stage, runner_expand, error);
        case STAGE_CONTRACT:
            return throttle_check(run, error) && driver_run(run, common, "resume", stage, runner_contract, error);
        case STAGE_ROLLBACK:
            return driver_run(run, common, "resume", stage, runner_rollback, error);
        default:
            return driver_print_status(run->control, common, run->plan->migration, error);
    }
}

static gboolean
run_resume(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(options, args[0], error);
    g_auto(Run) run = {0};

    if (migration == NULL || !driver_open(&run, options, migration, error))
        return FALSE;
    if (migration->is_paused) {
        if (!journal_set_paused(run.control, migration->id, FALSE, error))
            return FALSE;
        progress_say(run.progress, "migration %s is no longer paused", migration->name);
        if (migration->runner != NULL)
            return throttle_check(&run, error) && settings_store(run.control, migration->id, &run.options, error) &&
                   driver_print_status(run.control, common, migration->name, error);
    }
    return go_on(&run, common, migration->stage, error);
}

const Command command_resume = {
    .name = "resume",
    .arguments = "[MIGRATION]",
    .summary = "go on with a migration that was paused, stopped, killed or failed",
    .help =
        "Goes on where the migration that is under way (or MIGRATION) was left, whatever ended it: a pause, a signal,\n"
        "kill -9, a lost connection, a server restart, an error that has been mended. Nothing is done twice. A pgseam "
        "that\n"
        "still runs it is not disturbed (exit 3); one that has been silent for --lease-timeout is taken over and can "
        "write\n"
        "nothing more, should it wake up.\n\n"
        "Example: pgseam resume -d shop",
    .min_args = 0,
    .max_args = 1,
    .takes_run_options = TRUE,
    .run = run_resume,
};
