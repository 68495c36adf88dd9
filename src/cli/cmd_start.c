#include "cli/command.h"
#include "cli/driver.h"
#include "cli/planning.h"
#include "run/progress.h"

static gboolean
begin(Run *run, GError **error)
{
    return run_open(run, run->plan->migration, error) && journal_ensure(run->control, error) &&
           journal_begin(run->control, run->plan, &run->migration, error);
}

static gboolean
run_start(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_auto(Run) run = {.options = *options};

    run.plan = planning_from_file(options->target, args[0], error);
    if (run.plan == NULL || !begin(&run, error))
        return FALSE;
    run.progress = progress_new(common->is_quiet);
    for (guint i = 0; i < run.plan->notes->len; i++)
        progress_say(run.progress, "note: %s", (const char *)g_ptr_array_index(run.plan->notes, i));
    return driver_run(&run, common, "start", runner_expand, error);
}

const Command command_start = {
    .name = "start",
    .arguments = "FILE",
    .summary = "run a migration up to the gate: expand, then backfill",
    .help = "Runs the migration FILE (SQL, or a plan written with `pgseam plan -o`): first what only adds, then the "
            "existing\n"
            "rows in batches. If something is left that would break the old application (a DROP, a NOT NULL), it stops "
            "at the\n"
            "gate, where both versions of the application work, and `pgseam complete` does the rest; otherwise the "
            "migration\n"
            "is complete.\n\n"
            "Ctrl-C stops at a safe place; `pgseam resume` goes on, `pgseam rollback` undoes.\n\n"
            "Example: pgseam start -d shop 0042_users_age.sql",
    .min_args = 1,
    .max_args = 1,
    .takes_run_options = TRUE,
    .run = run_start,
};
