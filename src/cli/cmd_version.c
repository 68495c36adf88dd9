#include <string.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/driver.h"
#include "cli/version_pin.h"
#include "plan/plan_json.h"
#include "plan/plan_text.h"
#include "report/quarantine.h"
#include "report/version.h"
#include "report/version_use.h"
#include "run/progress.h"
#include "run/version_list.h"

static char **schemas;
static gboolean is_dry_run;

static GOptionEntry own_options[] = {
    {"schema", 0, 0, G_OPTION_ARG_STRING_ARRAY, &schemas,
     "pin: the application's search_path, where it is not that of the role; repeat it "
     "for each schema, in their order",
     "NAME"},
    {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &is_dry_run, "pin: only show the plan, with what each view cannot do", NULL},
    {NULL}};

static const VersionEntry *
find(const GPtrArray *versions, const char *name, GError **error)
{
    for (guint i = 0; i < versions->len; i++) {
        const VersionEntry *version = g_ptr_array_index(versions, i);

        if (name == NULL || strcmp(version->name, name) == 0)
            return version;
    }
    seam_error_set(error, SEAM_ERROR_REFUSED, name != NULL ? "there is no version \"%s\"" : "no version is there%s",
                   name != NULL ? name : "");
    seam_error_hint(
        error,
        "`pgseam version` lists them; a file makes one with the line `-- pgseam: version NAME`, `pgseam version pin "
        "NAME` one of the tables as they are");
    return NULL;
}

/* Nothing goes with it that is not ours. */
static gboolean
check_alone(const VersionEntry *version, GError **error)
{
    const char *what = version->others != NULL ? version->others : version->dependants;

    if (what == NULL)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "version \"%s\" cannot be dropped: %s %s", version->name,
                   version->others != NULL ? "its schema also has" : "its views are used by", what);
    seam_error_hint(error, "drop or move that first");
    return FALSE;
}

static gboolean
drop(DbConn *conn, const RunOptions *options, const VersionEntry *version, GError **error)
{
    if (version->state != STATE_COMPLETE) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s, which made version \"%s\", is %s", version->migration,
                       version->name, state_name(version->state));
        seam_error_hint(error, "`pgseam rollback %s` takes it away, `pgseam complete %s` keeps it", version->migration,
                        version->migration);
        return FALSE;
    }
    return check_alone(version, error) && driver_carry_out(options, "version", version_drop_plan(conn, version), error);
}

static gboolean
print(const CommonOptions *common, const GPtrArray *versions, GError **error)
{
    const VersionEntry *newest = common->is_url ? find(versions, NULL, error) : NULL;
    g_autofree char *text = NULL;

    if (common->is_url && newest == NULL)
        return FALSE;
    text = common->is_url    ? version_to_url(newest)
           : common->is_json ? version_to_json(versions)
                             : version_to_text(versions);
    command_print(text);
    return TRUE;
}

/* At the gate one look is taken, so that the answer is of now. */
static gboolean
look_once(DbConn *conn, const VersionEntry *version, GError **error)
{
    g_auto(VersionWatch) watch = {.migration = version->id, .schema = g_strdup(version->name), .side = SIDE_OLD};
    g_autoptr(Plan) plan = NULL;
    gboolean seen;

    if (version->state != STATE_GATED)
        return TRUE;
    plan = journal_ensure(conn, error) ? journal_plan(conn, version->id, error) : NULL;
    if (plan == NULL)
        return FALSE;
    version_watch_of_plan(&watch, plan);
    return version_watch_begin(&watch, conn, error) && version_watch_look(&watch, conn, &seen, error);
}

static gboolean
print_users(DbConn *conn, const CommonOptions *common, const VersionEntry *version, GError **error)
{
    g_autoptr(Progress) progress = progress_new(common->is_quiet);
    g_autoptr(GPtrArray) users = NULL;
    g_autoptr(GError) why = NULL;
    g_autofree char *text = NULL;

    /* Who may only read the journal sees what others have noted. */
    if (!look_once(conn, version, &why)) {
        if (!seam_error_is(why, SEAM_ERROR_REFUSED) && !seam_error_is(why, SEAM_ERROR_SQL)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        progress_say(progress, "note: only what was seen before is shown: %s", why->message);
    }
    users = version_users(conn, version->id, NULL, 0, error);
    if (users == NULL)
        return FALSE;
    text = common->is_json ? version_use_to_json(version, users) : version_use_to_text(version, users);
    command_print(text);
    return TRUE;
}

static gboolean
print_quarantine(DbConn *conn, const CommonOptions *common, const char *name, GError **error)
{
    g_autoptr(JournalMigration) migration = journal_find(conn, name, error);
    g_autoptr(GPtrArray) rows = migration != NULL ? quarantine_list(conn, migration, error) : NULL;
    g_autofree char *text = NULL;

    if (rows == NULL)
        return FALSE;
    text = common->is_json ? quarantine_to_json(migration, rows) : quarantine_to_text(migration, rows);
    command_print(text);
    return TRUE;
}

static gboolean
check_words(char **args, GError **error)
{
    gboolean is_pin = args[0] != NULL && strcmp(args[0], "pin") == 0;

    if ((schemas != NULL || is_dry_run) && !is_pin)
        seam_error_set(error, SEAM_ERROR_USAGE, "--schema and --dry-run belong to `pgseam version pin NAME`");
    else if (args[0] == NULL || strcmp(args[0], "users") == 0 || strcmp(args[0], "quarantine") == 0 ||
             ((is_pin || strcmp(args[0], "drop") == 0) && args[1] != NULL))
        return TRUE;
    else
        seam_error_set(
            error, SEAM_ERROR_USAGE,
            "`pgseam version` takes nothing, or: users [NAME], or: quarantine [MIGRATION], or: pin NAME, or: "
            "drop NAME");
    return FALSE;
}

static gboolean
show_pin(DbConn *conn, const CommonOptions *common, const char *name, GError **error)
{
    g_autoptr(Plan) plan = version_pin_dry(conn, name, schemas, error);
    g_autofree char *text = plan == NULL ? NULL : common->is_json ? plan_to_json(plan) : plan_to_text(plan);

    if (text != NULL)
        command_print(text);
    return text != NULL;
}

/* The list as it is then; no version may be left to give a URL for. */
static gboolean
print_left(DbConn *conn, const CommonOptions *common, GError **error)
{
    g_autoptr(GPtrArray) left = version_list(conn, error);

    return left != NULL && ((common->is_url && left->len == 0) || print(common, left, error));
}

static gboolean
run_version(const CommonOptions *common, const RunOptions *options, char **args, GError **error)
{
    g_autoptr(DbConn) conn = NULL;
    g_autoptr(GPtrArray) versions = NULL;
    const VersionEntry *version;

    if (!check_words(args, error))
        return FALSE;
    conn = db_open(options->target, "pgseam/version", error);
    if (conn != NULL && args[0] != NULL && strcmp(args[0], "quarantine") == 0)
        return print_quarantine(conn, common, args[1], error);
    versions = conn != NULL ? version_list(conn, error) : NULL;
    if (versions == NULL)
        return FALSE;
    if (args[0] == NULL)
        return print(common, versions, error);
    if (is_dry_run)
        return show_pin(conn, common, args[1], error);
    if (strcmp(args[0], "pin") == 0)
        return version_pin(conn, options, args[1], schemas, error) && print_left(conn, common, error);
    version = find(versions, args[1], error);
    if (version != NULL && strcmp(args[0], "users") == 0)
        return print_users(conn, common, version, error);
    return version != NULL && drop(conn, options, version, error) && print_left(conn, common, error);
}

const Command command_version = {
    .name = "version",
    .arguments = "[users [NAME] | quarantine [MIGRATION] | pin NAME | drop NAME]",
    .summary = "show what an application sets to use a version, pin the tables as they are, or drop one",
    .help =
        "A migration with the line `-- pgseam: version NAME` makes a schema of that name, with a view for each "
        "table that it\n"
        "changes: the new application sets its search_path and finds the tables in their new shape, while the old "
        "one goes on\n"
        "with the tables themselves. Shows the versions that are there, and how to choose one; --format url prints "
        "the\n"
        "parameter of a connection URI for the newest. `users` shows who was seen to work with the old shape and "
        "with the\n"
        "new one, when last, and with which sessions that are connected now. `pin NAME` makes a version with a view "
        "for every\n"
        "table as it is: the application that runs now sets it, and no prepared SELECT * of its breaks when a "
        "migration adds\n"
        "columns. `drop NAME` takes one away whose migration is complete: first see that no application uses it.\n"
        "`quarantine` shows the rows of a migration with the line `-- pgseam: on-error quarantine` on which \"up\" or "
        "\"down\"\n"
        "fails: key, side that is missing, error, when and by whom.\n\n"
        "Example: psql \"postgresql:///shop?$(pgseam version -d shop --format url)\"\n"
        "         pgseam version -d shop quarantine --format json",
    .min_args = 0,
    .max_args = 2,
    .options = own_options,
    .takes_run_options = TRUE,
    .takes_url = TRUE,
    .run = run_version,
};
