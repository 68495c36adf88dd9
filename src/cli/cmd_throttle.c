#include "base/document.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/driver.h"
#include "run/settings.h"
#include "run/throttle.h"

static void
put_setting(JsonBuilder *builder, const RunOptions *options, SettingId id)
{
    const char *name = setting_trait(id)->name;
    g_autofree char *text = settings_text(options, id);
    double number;

    if (id == SETTING_STANDBY) {
        document_begin_array(builder, name);
        for (guint i = 0; options->standbys[i] != NULL; i++)
            json_builder_add_string_value(builder, options->standbys[i]);
        json_builder_end_array(builder);
    } else if (settings_number(options, id, &number)) {
        json_builder_set_member_name(builder, name);
        if (number == (double)(gint64)number)
            json_builder_add_int_value(builder, (gint64)number);
        else
            json_builder_add_double_value(builder, number);
    } else {
        document_put_text(builder, name, text);
    }
}

static char *
to_json(const JournalMigration *migration, const RunOptions *options)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    document_put_text(builder, "migration", migration->name);
    document_put_text(builder, "reason", migration->reason);
    document_begin_object(builder, "settings");
    for (int id = 0; id < N_SETTINGS; id++)
        put_setting(builder, options, (SettingId)id);
    json_builder_end_object(builder);
    json_builder_end_object(builder);
    return document_text(builder);
}

static char *
to_text(const JournalMigration *migration, const RunOptions *options)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "%s%s%s\n", migration->name, migration->reason != NULL ? ": " : "",
                           migration->reason != NULL ? migration->reason : "");
    for (int id = 0; id < N_SETTINGS; id++) {
        const SettingTrait *trait = setting_trait((SettingId)id);
        g_autofree char *text = settings_text(options, (SettingId)id);
        const char *kind = id < SETTING_ON_BLOCKER ? NULL : blocker_kind_name((BlockerKind)(id - SETTING_ON_BLOCKER));
        g_autofree char *option = g_strdup_printf("--%s %s%s%s", trait->option, kind != NULL ? kind : "",
                                                  kind != NULL ? "=" : "", text != NULL ? text : "''");

        g_string_append_printf(out, "  %-44s %s\n", option,
                               kind != NULL ? blocker_kind_doc((BlockerKind)(id - SETTING_ON_BLOCKER)) : trait->doc);
    }
    return g_string_free(out, FALSE);
}

/* What cannot work is refused before it is written down: the pgseam that runs the migration would have to stop for it.
 */
static gboolean
change(const RunOptions *given, const JournalMigration *migration, RunOptions *ret_options, GError **error)
{
    g_auto(Run) run = {0};

    if (state_is_over(migration->state)) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s is over: %s", migration->name,
                       state_name(migration->state));
        return FALSE;
    }
    if (!driver_open(&run, given, migration, error) || !throttle_check(&run, error) ||
        !settings_store(run.control, migration->id, &run.options, error))
        return FALSE;
    *ret_options = run.options;
    return TRUE;
}

/* Only reads: a journal of an older pgseam, which has no settings, stays as it is. */
static gboolean
look(const RunOptions *given, const JournalMigration *migration, RunOptions *ret_options, GError **error)
{
    g_autoptr(DbConn) conn = db_open(given->target, "pgseam/throttle", error);
    g_autoptr(DbResult) row =
        conn != NULL ? db_query(conn, "SELECT pg_catalog.to_regclass('pgseam.setting') IS NOT NULL AS has_settings",
                                DB_NONE, error)
                     : NULL;

    *ret_options = *given;
    return row != NULL &&
           (!db_bool(row, 0, "has_settings") || settings_load(conn, migration->id, FALSE, ret_options, error));
}

static gboolean
run_throttle(const CommonOptions *common, const RunOptions *given, char **args, GError **error)
{
    g_autoptr(JournalMigration) migration = driver_find(given, args[0], error);
    g_autofree char *text = NULL;
    RunOptions options;

    if (migration == NULL || !(settings_any_given(given) ? change : look)(given, migration, &options, error))
        return FALSE;
    text = common->is_json ? to_json(migration, &options) : to_text(migration, &options);
    command_print(text);
    return TRUE;
}

const Command command_throttle = {
    .name = "throttle",
    .arguments = "[MIGRATION]",
    .summary = "show or change, while it runs, what slows a migration down",
    .help =
        "Without options: shows what is set about the migration that is under way (or MIGRATION). With options: "
        "changes it.\n"
        "The pgseam that runs it takes the new values within a second, between two batches or while it waits for a "
        "lock; they\n"
        "stay for `resume` and `complete`. A value of `default` sets back.\n\n"
        "Examples\n"
        "  pgseam throttle -d shop\n"
        "  pgseam throttle -d shop --load 20 --batch-ms 30\n"
        "  pgseam throttle -d shop --max-lag-bytes 256MB --max-lag-seconds 5s\n"
        "  pgseam throttle -d shop --throttle-query 'SELECT count(*) > 50 FROM pg_stat_activity WHERE wait_event_type "
        "= $$Lock$$'\n"
        "  pgseam throttle -d shop --on-blocker idle-in-transaction=terminate:30s --on-blocker prepared=give-up",
    .min_args = 0,
    .max_args = 1,
    .takes_settings = TRUE,
    .run = run_throttle,
};
