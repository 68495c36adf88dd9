#include "base/error.h"
#include "cli/command.h"
#include "cli/driver.h"
#include "run/throttle.h"
#include "run/version_gate.h"

static char *look_text;
static char *for_text;
static gboolean is_forced;
static gboolean waits;

static GOptionEntry options[] = {
    {"look", 0, 0, G_OPTION_ARG_STRING, &look_text,
     "With a version: look for so long who still uses the old shape (default 5s; 0: do not look)", "TIME"},
    {"for", 0, 0, G_OPTION_ARG_STRING, &for_text, "With a version: nobody may have been seen for so long before",
     "TIME"},
    {"when-drained", 0, 0, G_OPTION_ARG_NONE, &waits,
     "With a version: wait until nobody has been seen with the old shape for --for", NULL},
    {"force", 0, 0, G_OPTION_ARG_NONE, &is_forced, "With a version: complete although the old shape is used", NULL},
    {NULL}};

static gboolean
take_options(GateOptions *gate, GError **error)
{
    *gate = (GateOptions){.look_ms = GATE_LOOK_MS, .is_forced = is_forced, .waits = waits};
    if (!command_time("--look", look_text, &gate->look_ms, error) ||
        !command_time("--for", for_text, &gate->for_ms, error))
        return FALSE;
    if (waits && (is_forced || gate->for_ms == 0)) {
        seam_error_set(error, SEAM_ERROR_USAGE, "%s",
                       is_forced ? "--when-drained and --force exclude each other"
                                 : "--when-drained needs --for: how long nobody may have been seen, such as 24h");
        return FALSE;
    }
    return TRUE;
}

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
run_complete(const CommonOptions *common, const RunOptions *run_options, char **args, GError **error)
{
    g_autoptr(JournalMigration) migration = NULL;
    g_auto(Run) run = {0};
    GateOptions gate;

    if (!take_options(&gate, error))
        return FALSE;
    migration = driver_find(run_options, args[0], error);
    if (migration == NULL)
        return FALSE;
    if (migration->state != STATE_COMPLETE && !check_stage(migration, error))
        return FALSE;
    if (!driver_open(&run, run_options, migration, error))
        return FALSE;
    if (migration->state == STATE_COMPLETE)
        return driver_print_status(run.control, common, migration->name, error);
    /* What contract has begun is not stopped half way. */
    return throttle_check(&run, error) && (migration->stage != STAGE_GATE || version_gate_pass(&run, &gate, error)) &&
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
        "Of a migration that makes a version, sessions are looked at first: exit 3, and nothing is changed, if "
        "somebody "
        "works\n"
        "with its tables and not through the version. `pgseam version users` shows who. --when-drained waits; it can "
        "be\n"
        "stopped at any time, and goes on with what it has waited.\n\n"
        "Example: pgseam complete -d shop\n"
        "         pgseam complete -d shop --when-drained --for 24h",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .takes_run_options = TRUE,
    .run = run_complete,
};
