#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "base/units.h"
#include "catalog/bloat.h"
#include "cli/command.h"
#include "cli/driver.h"
#include "cli/planning_repack.h"
#include "plan/plan_json.h"
#include "plan/plan_text.h"
#include "report/status.h"
#include "run/progress.h"

#define MIN_BLOAT_DEFAULT 20.0

static char *order_by;
static char *tablespace;
static char *column_order;
static gboolean takes_all;
static double min_bloat = -1;
static gboolean is_dry_run;
static gboolean completes;

static GOptionEntry options[] = {
    {"order-by", 0, 0, G_OPTION_ARG_STRING, &order_by, "Write the rows in this order, as behind ORDER BY", "COLUMNS"},
    {"tablespace", 0, 0, G_OPTION_ARG_STRING, &tablespace, "Move the table there (its indexes stay where they are)",
     "NAME"},
    {"column-order", 0, 0, G_OPTION_ARG_STRING, &column_order, "Put these columns first, in this order: a,b,c",
     "COLUMNS"},
    {"all", 0, 0, G_OPTION_ARG_NONE, &takes_all, "All tables that the role owns, one after another", NULL},
    {"min-bloat", 0, 0, G_OPTION_ARG_DOUBLE, &min_bloat,
     "With --all: only where about so much of a table is unused, by ANALYZE's statistics (default 20)", "PERCENT"},
    {"complete", 0, 0, G_OPTION_ARG_NONE, &completes, "Drop the old table at once, without a way back", NULL},
    {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &is_dry_run, "Only show the plan", NULL},
    {NULL}};

/* What the journal keeps in the place of a file's text: the command on one line. */
static char *
command_text(const char *relation)
{
    GString *text = g_string_new("pgseam repack");
    const struct {
        const char *option;
        const char *value;
    } values[] = {{"--order-by", order_by}, {"--tablespace", tablespace}, {"--column-order", column_order}};

    for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *quoted = values[i].value != NULL ? g_shell_quote(values[i].value) : NULL;

        if (quoted != NULL)
            g_string_append_printf(text, " %s %s", values[i].option, quoted);
    }
    g_string_append_printf(text, " %s", relation);
    g_strdelimit(text->str, "\r\n", ' ');
    return g_string_free(text, FALSE);
}

/* "a, b" -> {"a", "b"}; NULL for NULL. */
static GPtrArray *
names_of(const char *list)
{
    g_auto(GStrv) parts = list != NULL ? g_strsplit(list, ",", -1) : NULL;
    GPtrArray *names = list != NULL ? g_ptr_array_new_with_free_func(g_free) : NULL;

    for (guint i = 0; parts != NULL && parts[i] != NULL; i++)
        g_ptr_array_add(names, g_strdup(g_strstrip(parts[i])));
    return names;
}

static Plan *
plan_one(DbConn *conn, const char *relation, GError **error)
{
    g_autofree char *command = command_text(relation);
    g_autoptr(GPtrArray) columns = names_of(column_order);
    RepackRequest request = {
        .command = command, .order_by = order_by, .tablespace = tablespace, .column_order = columns};

    return planning_repack(conn, &request, relation, error);
}

/* Drop the old table, too. */
static gboolean
finish(const RunOptions *run_options, const char *name, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(run_options, name, error);
    g_auto(Run) run = {0};

    return migration != NULL && driver_open(&run, run_options, migration, error) &&
           driver_do(&run, "repack", migration->stage, runner_contract, error);
}

static gboolean
repack_one(const RunOptions *run_options, Plan *plan, GError **error)
{
    g_auto(Run) run = {.options = *run_options, .plan = plan};

    run.progress = progress_new(run_options->is_quiet);
    for (guint i = 0; i < plan->notes->len; i++)
        progress_say(run.progress, "note: %s", (const char *)g_ptr_array_index(plan->notes, i));
    return driver_begin(&run, NULL, error) && driver_do(&run, "repack", STAGE_EXPAND, runner_expand, error);
}

/* The tables that are named, or with --all those where there is something to gain. */
static GPtrArray *
find_tables(DbConn *conn, char **args, Progress *progress, GError **error)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) bloated = NULL;
    double least = min_bloat >= 0 ? min_bloat : MIN_BLOAT_DEFAULT;

    for (guint i = 0; args[i] != NULL; i++)
        g_ptr_array_add(names, g_strdup(args[i]));
    if (!takes_all)
        return names;
    bloated = bloat_find(conn, error);
    if (bloated == NULL) {
        g_ptr_array_unref(names);
        return NULL;
    }
    for (guint i = 0; i < bloated->len; i++) {
        const Bloat *bloat = g_ptr_array_index(bloated, i);
        g_autofree char *name = sql_quote_name(bloat->schema, bloat->name);
        g_autofree char *unused = units_bytes_about((double)bloat->unused);

        if (!bloat->is_known)
            progress_say(progress, "left out: %s has no statistics; ANALYZE it first", name);
        if (!bloat->is_known || bloat->bytes == 0 || bloat->percent < least)
            continue;
        progress_say(progress, "%s: about %.0f %% unused (%s), an estimate from ANALYZE's statistics", name,
                     bloat->percent, unused);
        g_ptr_array_add(names, g_steal_pointer(&name));
    }
    return names;
}

static gboolean
check_arguments(char **args, GError **error)
{
    gboolean is_named = args[0] != NULL;

    if (is_named == takes_all) {
        seam_error_set(error, SEAM_ERROR_USAGE, "pgseam repack takes tables, or --all");
        return FALSE;
    }
    if (min_bloat >= 0 && !takes_all) {
        seam_error_set(error, SEAM_ERROR_USAGE, "--min-bloat goes with --all");
        return FALSE;
    }
    if ((order_by != NULL || column_order != NULL) && (takes_all || args[1] != NULL)) {
        seam_error_set(error, SEAM_ERROR_USAGE, "%s is for one table",
                       order_by != NULL ? "--order-by" : "--column-order");
        return FALSE;
    }
    return TRUE;
}

static void
print_plans(const CommonOptions *common, const GPtrArray *plans)
{
    g_autoptr(GString) out = g_string_new(common->is_json ? "{\"plans\": [" : NULL);

    for (guint i = 0; i < plans->len; i++) {
        const Plan *plan = g_ptr_array_index(plans, i);
        g_autofree char *text = common->is_json ? plan_to_json(plan) : plan_to_text(plan);

        g_string_append_printf(out, "%s%s", i == 0 ? "" : common->is_json ? ", " : "\n", text);
    }
    g_string_append(out, common->is_json ? "]}\n" : "");
    command_print(out->str);
}

/* Where the migrations of this run stand, as one result. */
static gboolean
print_results(DbConn *conn, const CommonOptions *common, const GPtrArray *names, GError **error)
{
    g_autoptr(GPtrArray) all = journal_list(conn, NULL, error);
    g_autofree char *text = NULL;

    if (all == NULL)
        return FALSE;
    for (guint i = all->len; i > 0; i--) {
        const JournalMigration *migration = g_ptr_array_index(all, i - 1);

        if (!g_ptr_array_find_with_equal_func((GPtrArray *)names, migration->name, g_str_equal, NULL))
            g_ptr_array_remove_index(all, i - 1);
    }
    text = common->is_json ? status_to_json(all) : status_to_text(all);
    command_print(text);
    return TRUE;
}

/* One of many that cannot be repacked keeps nobody from the others. */
static gboolean
is_left_out(Progress *progress, const char *relation, GError **error)
{
    if (!takes_all || !seam_error_is(*error, SEAM_ERROR_REFUSED))
        return FALSE;
    progress_say(progress, "left out: %s: %s", relation, (*error)->message);
    g_clear_error(error);
    return TRUE;
}

static gboolean
repack_all(DbConn *conn, const RunOptions *run_options, const GPtrArray *tables, GPtrArray *plans, GPtrArray *names,
           GError **error)
{
    g_autoptr(Progress) progress = progress_new(run_options->is_quiet);

    for (guint i = 0; i < tables->len; i++) {
        const char *relation = g_ptr_array_index(tables, i);
        g_autoptr(GError) why = NULL;
        Plan *plan = plan_one(conn, relation, &why);
        g_autofree char *name = plan != NULL ? g_strdup(plan->migration) : NULL;

        if (plan != NULL && is_dry_run) {
            g_ptr_array_add(plans, plan);
            continue;
        }
        if (plan != NULL && repack_one(run_options, plan, &why) && (!completes || finish(run_options, name, &why))) {
            g_ptr_array_add(names, g_steal_pointer(&name));
            continue;
        }
        if (is_left_out(progress, relation, &why))
            continue;
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    return TRUE;
}

/* All that are named can be planned, before the first is touched. */
static gboolean
check_all(DbConn *conn, const GPtrArray *tables, GError **error)
{
    for (guint i = 0; !takes_all && i < tables->len; i++) {
        g_autoptr(Plan) plan = plan_one(conn, g_ptr_array_index(tables, i), error);

        if (plan == NULL)
            return FALSE;
    }
    return TRUE;
}

static gboolean
run_repack(const CommonOptions *common, const RunOptions *run_options, char **args, GError **error)
{
    g_autoptr(DbConn) conn = NULL;
    g_autoptr(Progress) progress = progress_new(common->is_quiet);
    g_autoptr(GPtrArray) tables = NULL;
    g_autoptr(GPtrArray) plans = g_ptr_array_new_with_free_func((GDestroyNotify)plan_free);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    if (!check_arguments(args, error))
        return FALSE;
    conn = db_open(run_options->target, "pgseam/repack", error);
    tables = conn != NULL ? find_tables(conn, args, progress, error) : NULL;
    if (tables == NULL || !check_all(conn, tables, error) ||
        !repack_all(conn, run_options, tables, plans, names, error))
        return FALSE;
    if (is_dry_run) {
        print_plans(common, plans);
        return TRUE;
    }
    return print_results(conn, common, names, error);
}

const Command command_repack = {
    .name = "repack",
    .arguments = "TABLE...",
    .summary = "write tables anew while they are used: bloat gone, rows or columns in another order",
    .help =
        "Copies each TABLE while it is written to, proves the copy equal and exchanges the two in milliseconds: what "
        "VACUUM\n"
        "FULL and CLUSTER do, without their lock. Each is a migration of its own (\"repack_\" and the table's name): "
        "`pgseam\n"
        "status`, `pause`, `resume` and `rollback` work as for any other. The old table is kept, and kept up to date, "
        "until\n"
        "`pgseam complete`, or is dropped at once with --complete.\n\n"
        "Example: pgseam repack -d shop --order-by 'customer_id, placed_at DESC' public.orders\n"
        "         pgseam repack -d shop --all --min-bloat 30 --complete",
    .min_args = 0,
    .max_args = 1000,
    .options = options,
    .takes_run_options = TRUE,
    .run = run_repack,
};
