#include "base/error.h"
#include "cli/command.h"
#include "report/status.h"
#include "run/journal.h"
#include "run/quarantine.h"

static gboolean
run_status(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_autoptr(DbConn) conn = db_open(options->target, "pgseam/status", error);
    g_autoptr(GPtrArray) list = NULL;
    g_autofree char *text = NULL;
    gboolean exists = FALSE;

    if (conn == NULL || !journal_exists(conn, &exists, error))
        return FALSE;
    list = exists ? journal_list(conn, args[0], error) : g_ptr_array_new();
    if (list == NULL || !quarantine_count(conn, list, error))
        return FALSE;
    if (args[0] != NULL && list->len == 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "there is no migration %s", args[0]);
        seam_error_hint(error, "`pgseam status` lists all");
        return FALSE;
    }
    text = common->is_json ? status_to_json(list) : status_to_text(list);
    command_print(text);
    return TRUE;
}

const Command command_status = {
    .name = "status",
    .arguments = "[MIGRATION]",
    .summary = "show migrations: state, phase, progress, why they wait",
    .help = "Shows each migration, newest first: planned, expanding, backfilling, gated, contracting, complete, "
            "rolling_back,\n"
            "rolled_back, failed or interrupted; how far it is, and what can be done next.\n\n"
            "Example: pgseam status -d shop --format json",
    .min_args = 0,
    .max_args = 1,
    .run = run_status,
};
