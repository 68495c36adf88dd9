#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/command.h"
#include "report/error_text.h"
#include "run/cancel.h"
#include "run/settings.h"

static const Command *const commands[] = {
    &command_plan,     &command_start,   &command_migrate,  &command_baseline, &command_repack,   &command_status,
    &command_complete, &command_verify,  &command_rollback, &command_resume,   &command_cut_over, &command_pause,
    &command_throttle, &command_version, &command_rollout,  &command_locks,    &command_clean,    &command_fault_points,
};

gboolean
command_time(const char *option, const char *text, gint64 *ret_ms, GError **error)
{
    if (text == NULL || units_parse_ms(text, 1000, ret_ms))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_USAGE, "%s takes a time, such as 5s, 10min or 24h, not \"%s\"", option, text);
    return FALSE;
}

void
command_print(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

static gboolean is_document_printed;

void
command_print_document(const char *text)
{
    is_document_printed = TRUE;
    command_print(text);
}

static void
print_usage(FILE *out)
{
    fputs("pgseam changes the schema of a live PostgreSQL database without a visible seam.\n\n"
          "usage: pgseam COMMAND [OPTION...] [ARGUMENT...]\n\ncommands\n",
          out);
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!commands[i]->is_hidden)
            fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    }
    fputs(
        "\nexample\n"
        "  pgseam plan  -d shop 0042_users_age.sql     # what would happen: steps, locks, reasons\n"
        "  pgseam start -d shop 0042_users_age.sql     # expand and backfill, then wait at the gate\n"
        "  pgseam complete -d shop                     # when the old application is gone\n\n"
        "exit status\n"
        "  0 done; 1 failed; 2 usage; 3 refused; 4 no lock within the deadline; 5 the server changed since the plan\n\n"
        "`pgseam COMMAND --help` tells more. Connections as with psql: -d takes a name, conninfo string or URI; PG* "
        "variables\n"
        "work.\n",
        out);
}

static const Command *
find_command(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static gboolean
check_common(const Command *command, CommonOptions *common, GError **error)
{
    common->is_json = g_strcmp0(common->format, "json") == 0;
    common->is_url = command->takes_url && g_strcmp0(common->format, "url") == 0;
    if (common->format == NULL || common->is_json || common->is_url || strcmp(common->format, "text") == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_USAGE, "unknown format \"%s\"", common->format);
    seam_error_hint(error, "known: text, json%s", command->takes_url ? ", url" : "");
    return FALSE;
}

typedef struct Limit {
    const char *option;
    int value;
    int min;
    int max;
} Limit;

static gboolean
check_limits(const RunOptions *run, GError **error)
{
    const Limit limits[] = {
        {"--lock-budget", run->lock_budget_ms, 10, 60000},
        {"--deadline", run->lock_deadline_s, 0, 86400 * 7},
        {"--lease-timeout", run->lease_timeout_s, 3, 3600},
        {"--reconnect", run->reconnect_s, 0, 86400},
    };

    for (guint i = 0; i < G_N_ELEMENTS(limits); i++) {
        if (limits[i].value < limits[i].min || limits[i].value > limits[i].max) {
            seam_error_set(error, SEAM_ERROR_USAGE, "%s takes a number from %d to %d, not %d", limits[i].option,
                           limits[i].min, limits[i].max, limits[i].value);
            return FALSE;
        }
    }
    return TRUE;
}

/* An option of the command whose value may be left out is spelled "--option=": GOption would take the next argument for
 * its value. */
static void
spell_out_optional(const Command *command, char **args)
{
    for (; *args != NULL && strcmp(*args, "--") != 0; args++) {
        for (const GOptionEntry *entry = command->options; entry != NULL && entry->long_name != NULL; entry++) {
            char *alone = *args;

            if ((entry->flags & G_OPTION_FLAG_OPTIONAL_ARG) == 0 || !g_str_has_prefix(alone, "--") ||
                strcmp(alone + strlen("--"), entry->long_name) != 0)
                continue;
            *args = g_strdup_printf("%s=", alone);
            g_free(alone);
        }
    }
}

/* "--postpone-cut-over" alone means "=on", for the same reason. */
static void
spell_out_flags(char **args)
{
    for (; *args != NULL && strcmp(*args, "--") != 0; args++) {
        for (int id = 0; id < SETTING_ON_BLOCKER && g_str_has_prefix(*args, "--"); id++) {
            const SettingTrait *trait = setting_trait((SettingId)id);
            char *alone = *args;

            if (trait->flag == NULL || strcmp(alone + strlen("--"), trait->option) != 0)
                continue;
            *args = g_strdup_printf("%s=%s", alone, trait->flag);
            g_free(alone);
        }
    }
}

static gboolean
take_setting(const char *option, const char *value, gpointer run, GError **error)
{
    return settings_take(run, option + strlen("--"), value, error);
}

/* One option for each setting (those for blockers share one), and hidden ones for older names. */
static void
add_settings(GOptionContext *context)
{
    GOptionEntry entries[2 * N_SETTINGS + 1] = {{NULL}};
    int n = 0;

    for (int id = 0; id <= SETTING_ON_BLOCKER; id++) {
        const SettingTrait *trait = setting_trait((SettingId)id);
        const char *doc = id == SETTING_ON_BLOCKER
                              ? "What to do about who is in the way: wait (default), cancel, terminate, give-up"
                              : trait->doc;

        entries[n++] =
            (GOptionEntry){trait->option, 0, 0, G_OPTION_ARG_CALLBACK, (gpointer)take_setting, doc, trait->argument};
        if (trait->alias != NULL)
            entries[n++] = (GOptionEntry){
                trait->alias, 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_CALLBACK, (gpointer)take_setting, doc, NULL};
    }
    g_option_context_add_main_entries(context, entries, NULL);
}

static void
add_groups(GOptionContext *context, const Command *command, CommonOptions *common, RunOptions *run)
{
    const GOptionEntry common_entries[] = {
        {"dbname", 'd', 0, G_OPTION_ARG_STRING, &common->dbname,
         "Database: a name, conninfo string or URI, as with psql", "TARGET"},
        {"format", 0, 0, G_OPTION_ARG_STRING, &common->format, "text (default) or json: one document on stdout",
         "FORMAT"},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &common->is_quiet, "No progress on stderr", NULL},
        {NULL}};
    const GOptionEntry run_entries[] = {{"lock-budget", 0, 0, G_OPTION_ARG_INT, &run->lock_budget_ms,
                                         "How long we may wait for a lock and make others wait (default 250)", "MS"},
                                        {"deadline", 0, 0, G_OPTION_ARG_INT, &run->lock_deadline_s,
                                         "How long to try for a lock; then exit 4 (default 900)", "S"},
                                        {"lease-timeout", 0, 0, G_OPTION_ARG_INT, &run->lease_timeout_s,
                                         "Take over from a pgseam that has been silent for so long (default 10)", "S"},
                                        {"reconnect", 0, 0, G_OPTION_ARG_INT, &run->reconnect_s,
                                         "Try to get a lost connection back for so long (default 30)", "S"},
                                        {NULL}};

    g_option_context_set_main_group(context, g_option_group_new(NULL, NULL, NULL, run, NULL));
    if (command->options != NULL)
        g_option_context_add_main_entries(context, command->options, NULL);
    g_option_context_add_main_entries(context, common_entries, NULL);
    if (command->takes_run_options)
        g_option_context_add_main_entries(context, run_entries, NULL);
    if (command->takes_run_options || command->takes_settings)
        add_settings(context);
}

/* GOption leaves the "--" that ends the options among the arguments. */
static void
drop_end_of_options(char **args)
{
    guint i = 1;

    while (args[i] != NULL && strcmp(args[i], "--") != 0)
        i++;
    if (args[i] == NULL)
        return;
    g_free(args[i]);
    do {
        args[i] = args[i + 1];
    } while (args[i++] != NULL);
}

static gboolean
parse(const Command *command, CommonOptions *common, RunOptions *run, char ***args, GError **error)
{
    g_autoptr(GOptionContext) context = g_option_context_new(command->arguments);
    int n;

    spell_out_optional(command, *args);
    spell_out_flags(*args);
    g_option_context_set_summary(context, command->help);
    add_groups(context, command, common, run);
    if (!g_option_context_parse_strv(context, args, error))
        return FALSE;
    drop_end_of_options(*args);
    n = (int)g_strv_length(*args) - 1;
    if (n < command->min_args || n > command->max_args) {
        seam_error_set(error, SEAM_ERROR_USAGE, "pgseam %s takes %s", command->name,
                       command->arguments != NULL && command->max_args > 0 ? command->arguments : "no argument");
        seam_error_hint(error, "see `pgseam %s --help`", command->name);
        return FALSE;
    }
    run->target = common->dbname;
    run->is_quiet = common->is_quiet;
    return check_common(command, common, error) && check_limits(run, error);
}

static int
fail(const GError *error, gboolean is_json)
{
    g_autofree char *text = error_to_text(error);
    g_autofree char *json = is_json && !is_document_printed ? error_to_json(error) : NULL;

    fputs(text, stderr);
    if (json != NULL)
        command_print(json);
    return seam_error_exit_status(error);
}

static int
run_command(const Command *command, char **argv)
{
    g_auto(GStrv) args = g_strdupv(argv);
    g_autoptr(GError) error = NULL;
    CommonOptions common = {NULL, NULL, FALSE, FALSE};
    RunOptions run;
    int status = 0;

    run_options_init(&run);
    g_free(args[0]);
    args[0] = g_strdup_printf("pgseam %s", command->name);
    g_set_prgname(args[0]);
    if (!parse(command, &common, &run, &args, &error) || !command->run(&common, &run, args + 1, &error))
        status = fail(error, common.is_json);
    g_free(common.dbname);
    g_free(common.format);
    return status;
}

int
main(int argc, char **argv)
{
    const Command *command;

    setlocale(LC_ALL, "");
    cancel_install();
    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("pgseam " PGSEAM_VERSION);
        return 0;
    }
    command = find_command(argv[1]);
    if (command == NULL) {
        fprintf(stderr, "pgseam: unknown command \"%s\"\nhint: `pgseam --help` lists them\n", argv[1]);
        return 2;
    }
    return run_command(command, argv + 1);
}
