#include "base/error.h"
#include "cli/command.h"
#include "cli/driver.h"
#include "run/settings.h"

/* What there is to be told: SEAM_ERROR_REFUSED where nothing waits for a word. */
static gboolean
check(const JournalMigration *migration, GError **error)
{
    gboolean is_waiting = FALSE;

    if (state_is_over(migration->state)) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s is over: %s", migration->name,
                       state_name(migration->state));
        return FALSE;
    }
    for (guint i = 0; i < migration->rewrites->len; i++) {
        const JournalRewrite *rewrite = g_ptr_array_index(migration->rewrites, i);

        is_waiting = is_waiting || !rewrite->is_swapped;
    }
    if (is_waiting)
        return TRUE;
    if (migration->rewrites->len == 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "there is nothing to cut over: migration %s has begun no rewrite",
                       migration->name);
        seam_error_hint(error, "`pgseam throttle --postpone-cut-over=off` tells one that is still to come");
    } else {
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s has cut over already", migration->name);
        seam_error_hint(error, "`pgseam complete` drops the old table, `pgseam rollback` goes back to it with what was "
                               "written since");
    }
    return FALSE;
}

static gboolean
release(DbConn *conn, const RunOptions *given, const JournalMigration *migration, GError **error)
{
    RunOptions options = *given;

    if (!journal_ensure(conn, error) || !settings_load(conn, migration->id, FALSE, &options, error))
        return FALSE;
    if (!options.postpones_cut_over) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "the cut-over of migration %s is not postponed: it comes by itself",
                       migration->name);
        seam_error_hint(error, "`pgseam status` shows how far it is and what it waits for");
        return FALSE;
    }
    return settings_take(&options, "postpone-cut-over", "off", error) &&
           settings_store(conn, migration->id, &options, error);
}

static gboolean
run_cut_over(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(options, args[0], error);
    g_autoptr(DbConn) conn = NULL;

    if (migration == NULL || !check(migration, error))
        return FALSE;
    conn = db_open(options->target, "pgseam/cut-over", error);
    return conn != NULL && release(conn, options, migration, error) &&
           driver_print_status(conn, common, migration->name, error);
}

const Command command_cut_over = {
    .name = "cut-over",
    .arguments = "[MIGRATION]",
    .summary = "let an online rewrite cut over that was started with --postpone-cut-over",
    .help = "The pgseam that runs the migration has kept the new table caught up; now it lets it take the place of the "
            "old one,\n"
            "within a second or as soon as it is ready. If none runs, `pgseam resume` cuts over.\n\n"
            "Example: pgseam cut-over -d shop",
    .min_args = 0,
    .max_args = 1,
    .run = run_cut_over,
};
