#include "base/error.h"
#include "cli/command.h"
#include "cli/driver.h"

static gboolean
run_pause(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(options, args[0], error);
    g_autoptr(DbConn) conn = migration != NULL ? db_open(options->target, "pgseam/pause", error) : NULL;

    if (conn == NULL)
        return FALSE;
    if (state_is_over(migration->state)) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s is over: %s", migration->name,
                       state_name(migration->state));
        return FALSE;
    }
    return journal_set_paused(conn, migration->id, TRUE, error) &&
           driver_print_status(conn, common, migration->name, error);
}

const Command command_pause = {
    .name = "pause",
    .arguments = "[MIGRATION]",
    .summary = "let a backfill wait; `pgseam resume` lets it go on",
    .help =
        "The pgseam that runs the migration finishes its batch and waits, holding no lock, until `pgseam resume`.\n\n"
        "Example: pgseam pause -d shop",
    .min_args = 0,
    .max_args = 1,
    .run = run_pause,
};
