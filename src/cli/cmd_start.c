#include "cli/command.h"
#include "cli/driver.h"
#include "cli/planning.h"
#include "run/progress.h"

static char *pin;

static GOptionEntry own_options[] = {PLANNING_PIN_OPTION(pin), {NULL}};

/* A migration that is under way is in its own way: said before planning stumbles over what it has made. */
static gboolean
check_name(const RunOptions *options, const char *path, GError **error)
{
    g_autofree char *name = planning_name_of(path);
    g_autoptr(DbConn) conn = NULL;
    gboolean exists = FALSE;

    if (name == NULL || !g_file_test(path, G_FILE_TEST_EXISTS))
        return TRUE;
    conn = db_open(options->target, "pgseam/start", error);
    return conn != NULL && journal_exists(conn, &exists, error) && (!exists || journal_check_name(conn, name, error));
}

static gboolean
run_start(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_auto(Run) run = {.options = *options};
    gboolean pins_all;

    if (!planning_pins(pin, &pins_all, error) || !check_name(options, args[0], error))
        return FALSE;
    run.plan = planning_from_file(options->target, args[0], pins_all, error);
    run.progress = progress_new(common->is_quiet);
    if (run.plan == NULL || !driver_begin(&run, NULL, error))
        return FALSE;
    for (guint i = 0; i < run.plan->notes->len; i++)
        progress_say(run.progress, "note: %s", (const char *)g_ptr_array_index(run.plan->notes, i));
    return driver_run(&run, common, "start", STAGE_EXPAND, runner_expand, error);
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
    .options = own_options,
    .takes_run_options = TRUE,
    .run = run_start,
};
