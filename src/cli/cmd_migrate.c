#include "base/error.h"
#include "cli/command.h"
#include "cli/driver.h"
#include "cli/folder_run.h"
#include "cli/folder_view.h"
#include "cli/planning.h"
#include "plan/plan_json.h"
#include "plan/plan_text.h"
#include "report/ledger.h"
#include "report/status.h"
#include "run/progress.h"
#include "sql/script.h"

static char *to_name;
static char *accepted_name;
static gboolean is_dry_run;
static gboolean shows_status;
static gboolean completes;
static gboolean completes_earlier;
static gboolean never_completes;
static gboolean allows_late;
static gboolean is_together;
static char *pin;
static gboolean pins_all;

static GOptionEntry options[] = {
    {"to", 0, 0, G_OPTION_ARG_STRING, &to_name, "Up to and with this file", "NAME"},
    {"together", 0, 0, G_OPTION_ARG_NONE, &is_together,
     "All files that have not begun, up to --to, as one migration: one expand, one gate, one contract", NULL},
    {"complete", 0, 0, G_OPTION_ARG_NONE, &completes,
     "Leave every gate at once: only where no application runs, as on a new database", NULL},
    {"complete-earlier", 0, 0, G_OPTION_ARG_NONE, &completes_earlier,
     "The same, but for the last file: where the running application knows all files but that", NULL},
    {"no-complete", 0, 0, G_OPTION_ARG_NONE, &never_completes,
     "Stop at the first gate (the default); exit 3 if files are left behind it", NULL},
    {"out-of-order", 0, 0, G_OPTION_ARG_NONE, &allows_late, "Run files, too, that come before ones already applied",
     NULL},
    PLANNING_PIN_OPTION(pin),
    {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &is_dry_run, "Only show the files, and the plan of the next one", NULL},
    {"status", 0, 0, G_OPTION_ARG_NONE, &shows_status, "Only show the files and how they stand", NULL},
    {"accept-changed", 0, 0, G_OPTION_ARG_STRING, &accepted_name,
     "Only note that the database is right, and this file's new text with it", "NAME"},
    {NULL}};

static gboolean
check_options(GError **error)
{
    if (completes + completes_earlier + never_completes > 1)
        seam_error_set(error, SEAM_ERROR_USAGE, "--complete, --complete-earlier and --no-complete exclude each other");
    else if (shows_status + is_dry_run + (accepted_name != NULL) > 1)
        seam_error_set(error, SEAM_ERROR_USAGE, "--status, --dry-run and --accept-changed exclude each other");
    else
        return TRUE;
    return FALSE;
}

static CompletePolicy
policy(void)
{
    return completes ? COMPLETE_ALL : completes_earlier ? COMPLETE_EARLIER : COMPLETE_NONE;
}

static void
print_ledger(const CommonOptions *common, const FolderView *view, const Plan *plan)
{
    g_autofree char *document = common->is_json && plan != NULL ? plan_to_json(plan) : NULL;
    g_autofree char *text =
        common->is_json ? ledger_to_json(view->standings, document) : ledger_to_text(view->standings);

    command_print(text);
}

/* That each file which is to run can be read as SQL: seen before the first of them runs. */
static gboolean
check_texts(const GPtrArray *standings, const FolderFile *last, GError **error)
{
    for (guint i = 0; i < standings->len; i++) {
        const Standing *standing = g_ptr_array_index(standings, i);

        if (standing->file == NULL)
            break;
        if (standing->state == FILE_PENDING) {
            g_autoptr(Script) script = script_read(standing->file->path, standing->file->text, error);

            if (script == NULL)
                return FALSE;
        }
        if (standing->file == last)
            break;
    }
    return TRUE;
}

/* Only the next turn can be planned: what stands behind it may need what it makes. */
static gboolean
dry_run(const CommonOptions *common, const FolderRun *job, const FolderView *view, GError **error)
{
    const Turn *next = job->turns->len > 0 ? g_ptr_array_index(job->turns, 0) : NULL;
    g_autofree char *files = next != NULL ? folder_turn_text(next) : NULL;
    g_autoptr(Plan) plan = NULL;
    g_autofree char *text = NULL;

    if (next != NULL && next->state == FILE_PENDING) {
        plan = folder_plan(job, next, error);
        if (plan == NULL)
            return FALSE;
    }
    print_ledger(common, view, plan);
    if (common->is_json)
        return TRUE;
    if (plan != NULL) {
        g_autofree char *steps = plan_to_text(plan);

        text = g_strdup_printf(
            "next: %s\n%s%s", files, steps,
            turns_behind(job->turns, 0) > 0 ? "the files behind it are planned when it is their turn\n" : "");
    } else
        text = g_strdup_printf("next: %s%s%s\n", next != NULL ? next->migration : "nothing to do",
                               next != NULL ? ", which is " : "", next != NULL ? file_state_name(next->state) : "");
    command_print(text);
    return TRUE;
}

/* Where the migrations of this run stand; for machines, all files. */
static gboolean
print_result(const char *target, const CommonOptions *common, FolderView *view, const GPtrArray *names, GError **error)
{
    g_autoptr(DbConn) conn = db_open(target, "pgseam/migrate", error);

    if (conn == NULL || !folder_view_refresh(view, conn, error))
        return FALSE;
    if (common->is_json) {
        print_ledger(common, view, NULL);
        return TRUE;
    }
    if (names->len == 0)
        command_print("nothing to do: all files are applied\n");
    for (guint i = 0; i < names->len; i++) {
        if (!driver_print_status(conn, common, g_ptr_array_index(names, i), error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
accept_changed(DbConn *conn, const CommonOptions *common, FolderView *view, GError **error)
{
    g_autoptr(Progress) progress = progress_new(common->is_quiet);
    const FolderFile *file = NULL;
    const Standing *standing;

    if (!folder_view_find(view, accepted_name, &file, error))
        return FALSE;
    standing = g_ptr_array_index(view->standings, folder_index(view->folder, file));
    if (standing->is_changed) {
        if (!journal_check_publications(conn, JOURNAL_NEWEST, FALSE, error) || !journal_ensure(conn, error) ||
            !ledger_accept(conn, file, error))
            return FALSE;
        progress_say(progress, "%s: its checksum is %s from now on; it was %s", file->name, file->checksum,
                     standing->row->checksum);
    } else
        progress_say(progress, "%s has not changed", file->name);
    if (!folder_view_refresh(view, conn, error))
        return FALSE;
    print_ledger(common, view, NULL);
    return TRUE;
}

static gboolean
run_migrate(const CommonOptions *common, const RunOptions *run_options, char **args, GError **error)
{
    g_autoptr(DbConn) conn = NULL;
    g_auto(FolderView) view = {NULL};
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) turns = NULL;
    FolderRun job = {.options = run_options, .policy = policy()};
    const FolderFile *last = NULL;

    if (!check_options(error) || !planning_pins(pin, &pins_all, error))
        return FALSE;
    conn = db_open(run_options->target, "pgseam/migrate", error);
    if (conn == NULL || !folder_view_read(&view, conn, args[0], common, error))
        return FALSE;
    if (shows_status) {
        print_ledger(common, &view, NULL);
        return TRUE;
    }
    if (accepted_name != NULL)
        return accept_changed(conn, common, &view, error);
    if (!folder_view_find(&view, to_name, &last, error) || !standing_check(view.standings, last, allows_late, error) ||
        !check_texts(view.standings, last, error))
        return FALSE;
    turns = turns_of(view.standings, last, is_together, error);
    if (turns == NULL)
        return FALSE;
    job.folder = view.folder;
    job.turns = turns;
    job.pins_all = pins_all;
    if (is_dry_run)
        return dry_run(common, &job, &view, error);
    /* Not kept meanwhile: each migration has sessions of its own, which come back when the server does. */
    g_clear_pointer(&conn, db_close);
    return folder_run(&job, names, error) && print_result(run_options->target, common, &view, names, error);
}

const Command command_migrate = {
    .name = "migrate",
    .arguments = "DIR",
    .summary = "run the files of a folder that have not run yet, in order",
    .help =
        "Each file of DIR is a migration of its own, in the order of the numbers that the names begin with; which have "
        "run\n"
        "stands in the database, with their checksums. Known: 001_a.sql, V1__a.sql, 001_a.up.sql, up/001_a.sql, "
        "001_a/up.sql,\n"
        "and `-- +goose Up`, `-- +migrate Up`, `-- migrate:up` within files. Only what leads up is run.\n\n"
        "A file that still has something to do that would break the running application (a DROP, a NOT NULL) stops at "
        "the\n"
        "gate, and no file behind it runs until `pgseam complete`: exit 3 if there is one, else 0. On a database that "
        "no\n"
        "application uses, --complete goes through to the end. Stopped or killed, the same command goes on.\n"
        "With --together all files that have not begun are one migration, called FIRST..LAST, with one gate.\n\n"
        "Refused: a file that has changed since it ran, one that comes before files that have run (--out-of-order).\n\n"
        "Example: pgseam migrate -d shop db/migrations\n"
        "         pgseam migrate -d shop db/migrations --together\n"
        "         pgseam migrate -d new_shop db/migrations --complete",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .takes_run_options = TRUE,
    .run = run_migrate,
};
