#include <string.h>

#include "base/document.h"
#include "base/error.h"
#include "cli/rollout_check.h"
#include "cli/rollout_print.h"

static char *percent_text;
static char **cohorts;
static char **removed_cohorts;
static char *because;
static gboolean is_forced;

static GOptionEntry options[] = {
    {"percent", 0, 0, G_OPTION_ARG_STRING, &percent_text,
     "set live: for how many keys the new version answers, 0 to 100", "N"},
    {"cohort", 0, 0, G_OPTION_ARG_STRING_ARRAY, &cohorts,
     "set: a key that gets the new version in stage live, whatever the percentage (repeatable)", "KEY"},
    {"remove-cohort", 0, 0, G_OPTION_ARG_STRING_ARRAY, &removed_cohorts, "set: no longer (repeatable)", "KEY"},
    {"because", 0, 0, G_OPTION_ARG_STRING, &because, "Why, for the history; freeze needs it", "TEXT"},
    {"force", 0, 0, G_OPTION_ARG_NONE, &is_forced, "set: skip stages; drop: though it is not off", NULL},
    {"migration", 0, 0, G_OPTION_ARG_STRING, &rollout_given.migration,
     "compare: the two sides of a migration that makes a version", "MIGRATION"},
    {"old", 0, 0, G_OPTION_ARG_STRING, &rollout_given.old_query, "compare: a key and what is said of it, old side",
     "QUERY"},
    {"new", 0, 0, G_OPTION_ARG_STRING, &rollout_given.new_query, "compare: the same of the new side", "QUERY"},
    {"threshold", 0, 0, G_OPTION_ARG_STRING, &rollout_given.threshold,
     "compare, check: how many percent may differ (default 0); more freezes", "N"},
    {"at-least", 0, 0, G_OPTION_ARG_INT, &rollout_given.at_least,
     "compare: fewer reports of the application are judged as if they were N (default 100)", "N"},
    {"sample", 0, 0, G_OPTION_ARG_STRING, &rollout_given.sample, "check: rows of each side, or N% (default 1000)", "N"},
    {"timeout", 0, 0, G_OPTION_ARG_STRING, &rollout_given.timeout, "check: longest time of a sample (default 10s)",
     "TIME"},
    {"every", 0, 0, G_OPTION_ARG_STRING, &rollout_given.every, "check: again and again ...", "TIME"},
    {"for", 0, 0, G_OPTION_ARG_STRING, &rollout_given.for_time, "check: ... for so long", "TIME"},
    {"no-freeze", 0, 0, G_OPTION_ARG_NONE, &rollout_given.never_freezes, "check: only tell", NULL},
    {NULL}};

typedef RolloutRequest Request;

/* The options that an action takes. */
enum { TAKES_CHANGE = 1, TAKES_BECAUSE = 2, TAKES_FORCE = 4, TAKES_PAIR = 8, TAKES_CHECK = 16 };

typedef struct Action {
    const char *name;
    const char *arguments;
    int n_args;
    int takes;
    gboolean (*run)(const Request *request, GError **error);
} Action;

static void
free_health(gpointer health)
{
    rollout_health_free(health);
}

/* What was compared, for each rollout of the list. */
static GPtrArray *
find_health(DbConn *conn, const GPtrArray *list, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(free_health);

    for (guint i = 0; i < list->len; i++) {
        RolloutHealth *health = rollout_health(conn, ((const Rollout *)g_ptr_array_index(list, i))->name, error);

        if (health == NULL)
            return NULL;
        g_ptr_array_add(found, health);
    }
    return g_steal_pointer(&found);
}

static gboolean
print_list(const Request *request, GError **error)
{
    g_autoptr(GPtrArray) list = rollout_list(request->conn, request->name, error);
    g_autoptr(GPtrArray) health = NULL;
    g_autofree char *text = NULL;

    if (list == NULL)
        return FALSE;
    if (request->name != NULL && list->len == 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "there is no rollout %s", request->name);
        seam_error_hint(error, "`pgseam rollout` lists them; `pgseam rollout set %s dualwrite` begins one",
                        request->name);
        return FALSE;
    }
    health = find_health(request->conn, list, error);
    if (health == NULL)
        return FALSE;
    text = request->common->is_json ? rollouts_to_json(list, health) : rollouts_to_text(list, health);
    command_print(text);
    return TRUE;
}

static gboolean
run_compare(const Request *request, GError **error)
{
    return rollout_run_compare(request, error) && print_list(request, error);
}

static gboolean
read_change(const Request *request, RolloutChange *ret, GError **error)
{
    *ret = (RolloutChange){.percent = -1,
                           .add = (const char *const *)cohorts,
                           .remove = (const char *const *)removed_cohorts,
                           .because = because,
                           .is_forced = is_forced};
    if (!rollout_parse_stage(request->stage, &ret->stage)) {
        seam_error_set(error, SEAM_ERROR_USAGE, "unknown stage \"%s\"", request->stage);
        seam_error_hint(error, "known: off, dualwrite, shadow, live, rampdown, complete");
        return FALSE;
    }
    if (percent_text == NULL)
        return TRUE;
    if (!rollout_parse_percent(percent_text, &ret->percent)) {
        seam_error_set(error, SEAM_ERROR_USAGE,
                       "--percent takes a number from 0 to 100 with at most two decimals, not \"%s\"", percent_text);
        return FALSE;
    }
    if (ret->stage == ROLLOUT_LIVE)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_USAGE, "--percent is for stage live: in %s all keys are treated alike",
                   rollout_stage_name(ret->stage));
    return FALSE;
}

static gboolean
run_set(const Request *request, GError **error)
{
    RolloutChange change;

    return read_change(request, &change, error) && rollout_set(request->conn, request->name, &change, error) &&
           print_list(request, error);
}

static gboolean
run_history(const Request *request, GError **error)
{
    g_autoptr(GPtrArray) events = rollout_history(request->conn, request->name, error);
    g_autofree char *text = NULL;

    if (events == NULL)
        return FALSE;
    if (events->len == 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "there has never been a rollout %s", request->name);
        seam_error_hint(error, "`pgseam rollout` lists those that there are");
        return FALSE;
    }
    text = request->common->is_json ? rollout_history_to_json(request->name, events) : rollout_history_to_text(events);
    command_print(text);
    return TRUE;
}

static gboolean
run_freeze(const Request *request, GError **error)
{
    if (because == NULL || because[0] == '\0') {
        seam_error_set(error, SEAM_ERROR_USAGE, "freeze needs --because: whoever finds it frozen must know why");
        return FALSE;
    }
    return rollout_freeze(request->conn, request->name, because, error) && print_list(request, error);
}

static gboolean
run_unfreeze(const Request *request, GError **error)
{
    return rollout_unfreeze(request->conn, request->name, because, error) && print_list(request, error);
}

static gboolean
run_drop(const Request *request, GError **error)
{
    const Request all = {request->conn, request->common, NULL, NULL};

    return rollout_drop(request->conn, request->name, because, is_forced, error) && print_list(&all, error);
}

static gboolean
run_grant(const Request *request, GError **error)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autofree char *text = NULL;

    if (!rollout_grant(request->conn, request->name, error))
        return FALSE;
    json_builder_begin_object(builder);
    document_put_text(builder, "granted_to", request->name);
    json_builder_end_object(builder);
    text = request->common->is_json
               ? document_text(builder)
               : g_strdup_printf("%s may ask pgseam.rollout_version() and pgseam.rollout_state(), and use "
                                 "pgseam.rollout_report()\n",
                                 request->name);
    command_print(text);
    return TRUE;
}

static const Action actions[] = {
    {"show", "NAME", 1, 0, print_list},
    {"set", "NAME STAGE", 2, TAKES_CHANGE | TAKES_BECAUSE | TAKES_FORCE, run_set},
    {"compare", "NAME", 1, TAKES_PAIR, run_compare},
    {"check", "NAME", 1, TAKES_CHECK, rollout_run_check},
    {"history", "NAME", 1, 0, run_history},
    {"freeze", "NAME", 1, TAKES_BECAUSE, run_freeze},
    {"unfreeze", "NAME", 1, TAKES_BECAUSE, run_unfreeze},
    {"drop", "NAME", 1, TAKES_BECAUSE | TAKES_FORCE, run_drop},
    {"grant", "ROLE", 1, 0, run_grant},
};
static const Action listing = {NULL, NULL, 0, 0, print_list};

static const Action *
find_action(char **args, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);

    if (args[0] == NULL)
        return &listing;
    for (guint i = 0; i < G_N_ELEMENTS(actions); i++) {
        g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", actions[i].name);
        if (strcmp(args[0], actions[i].name) != 0)
            continue;
        if ((int)g_strv_length(args) - 1 == actions[i].n_args)
            return &actions[i];
        seam_error_set(error, SEAM_ERROR_USAGE, "pgseam rollout %s takes %s", actions[i].name, actions[i].arguments);
        seam_error_hint(error, "see `pgseam rollout --help`");
        return NULL;
    }
    seam_error_set(error, SEAM_ERROR_USAGE, "pgseam rollout cannot \"%s\"", args[0]);
    seam_error_hint(error, "known: %s", known->str);
    return NULL;
}

static gboolean
check_options(const Action *action, GError **error)
{
    const struct {
        const char *option;
        gboolean is_given;
        int takes;
    } given[] = {
        {"--percent", percent_text != NULL, TAKES_CHANGE},
        {"--cohort", cohorts != NULL, TAKES_CHANGE},
        {"--remove-cohort", removed_cohorts != NULL, TAKES_CHANGE},
        {"--because", because != NULL, TAKES_BECAUSE},
        {"--force", is_forced, TAKES_FORCE},
        {"--migration", rollout_given.migration != NULL, TAKES_PAIR},
        {"--old", rollout_given.old_query != NULL, TAKES_PAIR},
        {"--new", rollout_given.new_query != NULL, TAKES_PAIR},
        {"--at-least", rollout_given.at_least != 0, TAKES_PAIR},
        {"--threshold", rollout_given.threshold != NULL, TAKES_PAIR | TAKES_CHECK},
        {"--sample", rollout_given.sample != NULL, TAKES_CHECK},
        {"--timeout", rollout_given.timeout != NULL, TAKES_CHECK},
        {"--every", rollout_given.every != NULL, TAKES_CHECK},
        {"--for", rollout_given.for_time != NULL, TAKES_CHECK},
        {"--no-freeze", rollout_given.never_freezes, TAKES_CHECK},
    };

    for (guint i = 0; i < G_N_ELEMENTS(given); i++) {
        if (given[i].is_given && (action->takes & given[i].takes) == 0) {
            seam_error_set(error, SEAM_ERROR_USAGE, "pgseam rollout%s%s does not take %s",
                           action->name != NULL ? " " : "", action->name != NULL ? action->name : "", given[i].option);
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean
run_rollout(const CommonOptions *common, const RunOptions *run_options, char **args, GError **error)
{
    const Action *action = find_action(args, error);
    g_autoptr(DbConn) conn = NULL;
    Request request = {.common = common};

    if (action == NULL || !check_options(action, error))
        return FALSE;
    conn = db_open(run_options->target, "pgseam/rollout", error);
    if (conn == NULL)
        return FALSE;
    request.conn = conn;
    request.name = action->n_args > 0 ? args[1] : NULL;
    request.stage = action->n_args > 1 ? args[2] : NULL;
    return action->run(&request, error);
}

const Command command_rollout = {
    .name = "rollout",
    .arguments = "[show | set | compare | check | history | freeze | unfreeze | drop | grant] [NAME] [STAGE]",
    .summary = "tell the application, key by key, which version answers: stages, percentage, history",
    .help =
        "Without an action: lists all rollouts. `set` takes one through its stages, each of which says what the "
        "application reads\n"
        "and writes; the application asks pgseam.rollout_version(name, key) and pgseam.rollout_state(name), and "
        "LISTENs "
        "to\n"
        "pgseam_rollout.\n\n"
        "  off         reads the old side, writes the old\n"
        "  dualwrite   reads old, writes both\n"
        "  shadow      reads both and compares, answers with the old, writes both\n"
        "  live        --percent of the keys and the --cohort keys get the new version, writes both\n"
        "  rampdown    reads new, still writes both: the way back\n"
        "  complete    reads and writes new\n\n"
        "A stage is left for the next one, or back; `freeze` answers with the old version at once, whatever the "
        "stage.\n\n"
        "`compare` says which two sides shall be the same: those of a migration with a version, or two queries that "
        "give a key\n"
        "first. `check` takes a sample of both under one snapshot, and freezes the rollout when more than "
        "--threshold differs\n"
        "(exit 3). The application reports its own comparisons with pgseam.rollout_report(name, key, matches, "
        "detail).\n\n"
        "Example: pgseam rollout -d shop set orders_v2 live --percent 10 --cohort 4711\n"
        "         pgseam rollout -d shop freeze orders_v2 --because 'totals differ'\n"
        "         pgseam rollout -d shop compare orders_v2 --old 'SELECT id, total FROM orders' \\\n"
        "             --new 'SELECT id, total FROM orders_v2' --threshold 0.1\n"
        "         pgseam rollout -d shop check orders_v2 --sample 5000 --every 10s --for 1h\n"
        "         pgseam rollout -d shop history orders_v2\n"
        "         pgseam rollout -d shop grant webapp           # who may ask",
    .min_args = 0,
    .max_args = 3,
    .options = options,
    .run = run_rollout,
};
