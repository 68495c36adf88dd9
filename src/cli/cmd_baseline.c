#include <string.h>

#include "base/document.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/driver.h"
#include "cli/folder_view.h"
#include "run/adopt.h"
#include "run/progress.h"

static char *to_name;
static char *adopted_tool;
static gboolean is_dry_run;

static gboolean
take_adopt(const char *option, const char *value, gpointer run, GError **error)
{
    g_free(adopted_tool);
    adopted_tool = g_strdup(value == NULL || *value == '\0' ? "auto" : value);
    return TRUE;
}

static GOptionEntry options[] = {
    {"to", 0, 0, G_OPTION_ARG_STRING, &to_name, "Only the files up to and with this one", "NAME"},
    {"adopt", 0, G_OPTION_FLAG_OPTIONAL_ARG, G_OPTION_ARG_CALLBACK, (gpointer)take_adopt,
     "The files that the ledger of another tool has: goose, golang-migrate, dbmate, rails, flyway, diesel, "
     "sql-migrate; "
     "or auto",
     "TOOL"},
    {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &is_dry_run, "Only show what would be noted", NULL},
    {NULL}};

static GPtrArray *
files_up_to(const Folder *folder, const FolderFile *last)
{
    GPtrArray *files = g_ptr_array_new();

    for (guint i = 0; i < folder->files->len; i++) {
        g_ptr_array_add(files, g_ptr_array_index(folder->files, i));
        if (g_ptr_array_index(folder->files, i) == last)
            break;
    }
    return files;
}

/* In a document, or a line for each. */
static void
print_noted(const CommonOptions *common, const GPtrArray *files)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(GString) lines = g_string_new(NULL);
    g_autofree char *document = NULL;

    json_builder_begin_object(builder);
    document_put_bool(builder, "dry_run", is_dry_run);
    document_begin_array(builder, "noted");
    for (guint i = 0; i < files->len; i++) {
        const FolderFile *file = g_ptr_array_index(files, i);

        json_builder_add_string_value(builder, file->name);
        g_string_append_printf(lines, "%s\n", file->name);
    }
    json_builder_end_array(builder);
    json_builder_end_object(builder);
    document = document_text(builder);
    g_string_append_printf(lines, "%u file%s %s as applied; none was run\n", files->len, files->len == 1 ? "" : "s",
                           is_dry_run ? "would be noted" : "noted");
    command_print(common->is_json ? document : lines->str);
}

/* Where it comes from. What stands before a file that is noted, and is not noted itself, is in for a refusal later:
 * told now. */
static void
tell(const CommonOptions *common, const Folder *folder, const GPtrArray *files, const char *ledger)
{
    g_autoptr(Progress) progress = progress_new(common->is_quiet);
    guint last = 0;

    if (ledger != NULL)
        progress_say(progress, "note: taken from %s, which stays as it is", ledger);
    for (guint i = 0; i < files->len; i++)
        last = MAX(last, folder_index(folder, g_ptr_array_index(files, i)));
    for (guint i = 0; i < last; i++) {
        const FolderFile *file = g_ptr_array_index(folder->files, i);

        if (!g_ptr_array_find((GPtrArray *)files, file, NULL))
            progress_say(progress, "note: %s is pending, though files behind it are applied", file->name);
    }
}

static gboolean
run_baseline(const CommonOptions *common, const RunOptions *run_options, char **args, GError **error)
{
    g_autoptr(DbConn) conn = NULL;
    g_auto(FolderView) view = {NULL};
    g_autoptr(GPtrArray) files = NULL;
    g_autofree char *ledger = NULL;
    const FolderFile *last = NULL;

    if (to_name != NULL && adopted_tool != NULL) {
        seam_error_set(error, SEAM_ERROR_USAGE, "with --adopt the other ledger says which files: leave out --to");
        return FALSE;
    }
    conn = db_open(run_options->target, "pgseam/baseline", error);
    if (conn == NULL || !folder_view_read(&view, conn, args[0], common, error) ||
        !folder_view_find(&view, to_name, &last, error))
        return FALSE;
    files = adopted_tool != NULL ? adopt_files(conn, view.folder, adopted_tool, &ledger, error)
                                 : files_up_to(view.folder, last);
    if (files == NULL)
        return FALSE;
    tell(common, view.folder, files, ledger);
    if (is_dry_run && !ledger_check_baseline(conn, files, error))
        return FALSE;
    if (!is_dry_run &&
        (!journal_check_publications(conn, JOURNAL_NEWEST, FALSE, error) || !journal_ensure(conn, error) ||
         !ledger_baseline(conn, files, adopted_tool != NULL ? "adopted" : "baseline", error)))
        return FALSE;
    print_noted(common, files);
    return TRUE;
}

const Command command_baseline = {
    .name = "baseline",
    .arguments = "DIR",
    .summary = "note files of a folder as applied, without running them, on a database that has them already",
    .help = "For a database that was made before pgseam came: notes the files of DIR, or those up to --to, in the "
            "ledger, so\n"
            "that `pgseam migrate` goes on behind them. With --adopt those that the ledger of another tool has, which "
            "is only\n"
            "read. Nothing else is changed. Refused once the ledger has a row, and where the other ledger has a "
            "version that\n"
            "is dirty or has no file.\n\n"
            "Example: pgseam baseline -d shop db/migrations --to 0042_users_age\n"
            "         pgseam baseline -d shop db/migrations --adopt",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run_baseline,
};
