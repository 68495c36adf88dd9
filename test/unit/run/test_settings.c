/*
 * Settings: each default is one that its option takes, what is printed is read back as the same, and what cannot be is
 * refused without a trace.
 */
#include "run/settings.h"

#include <string.h>

#include "base/error.h"

static void
test_names_are_unlike(void)
{
    for (int i = 0; i < N_SETTINGS; i++) {
        for (int k = 0; k < i; k++)
            g_assert_cmpstr(setting_trait((SettingId)i)->name, !=, setting_trait((SettingId)k)->name);
    }
}

/* As an option has it: those for blockers share one. */
static void
take(RunOptions *options, SettingId id, const char *text)
{
    g_autofree char *policy =
        id >= SETTING_ON_BLOCKER
            ? g_strdup_printf("%s=%s", blocker_kind_name((BlockerKind)(id - SETTING_ON_BLOCKER)), text)
            : g_strdup(text);
    g_autoptr(GError) error = NULL;

    g_assert_true(settings_take(options, setting_trait(id)->option, policy, &error));
    g_assert_no_error(error);
    g_assert_true(settings_is_given(options, id));
}

static void
test_defaults_are_taken_as_they_are_printed(void)
{
    RunOptions options = {0};

    settings_init(&options);
    g_assert_false(settings_any_given(&options));
    for (int id = 0; id < N_SETTINGS; id++) {
        g_autofree char *before = settings_text(&options, (SettingId)id);
        g_autofree char *after = NULL;

        take(&options, (SettingId)id, before != NULL ? before : "");
        after = settings_text(&options, (SettingId)id);
        g_assert_cmpstr(after, ==, before);
    }
}

static void
assert_round(SettingId id, const char *given, const char *printed)
{
    RunOptions options = {0};
    g_autofree char *text = NULL;

    settings_init(&options);
    take(&options, id, given);
    text = settings_text(&options, id);
    g_assert_cmpstr(text, ==, printed);
    take(&options, id, "default");
    g_clear_pointer(&text, g_free);
    text = settings_text(&options, id);
    g_assert_cmpstr(text, !=, printed);
}

static void
test_values(void)
{
    assert_round(SETTING_BATCH_MS, "1s", "1s");
    assert_round(SETTING_MAX_LAG_SECONDS, "5", "5s");
    assert_round(SETTING_MAX_LAG_BYTES, "1024MB", "1GB");
    assert_round(SETTING_THROTTLE_QUERY_LIMIT, "-2.5", "-2.5");
    assert_round(SETTING_PAUSE_FILE, "/tmp/x", "/tmp/x");
    assert_round(SETTING_ON_VACUUM, "ignore", "ignore");
    assert_round(SETTING_CAPTURE, "trigger", "trigger");
    assert_round(SETTING_COPY_JOBS, "64", "64");
    assert_round(SETTING_POSTPONE_CUT_OVER, "on", "on");
    assert_round(SETTING_SNAPSHOT_WAIT, "5min", "5min");
    assert_round(SETTING_ON_OLD_SNAPSHOT, "proceed", "proceed");
    assert_round((SettingId)(SETTING_ON_BLOCKER + BLOCKER_IDLE), "terminate:30", "terminate:30s");
    assert_round((SettingId)(SETTING_ON_BLOCKER + BLOCKER_ACTIVE), "cancel", "cancel:10s");
    assert_round((SettingId)(SETTING_ON_BLOCKER + BLOCKER_PREPARED), "give-up", "give-up:0s");
}

static void
assert_refused(const char *option, const char *text)
{
    RunOptions options = {0};
    RunOptions before;
    g_autoptr(GError) error = NULL;

    settings_init(&options);
    before = options;
    g_assert_false(settings_take(&options, option, text, &error));
    g_assert_error(error, SEAM_ERROR, SEAM_ERROR_USAGE);
    g_assert_cmpint(options.given, ==, before.given);
}

static void
test_what_cannot_be(void)
{
    assert_refused("load", "101");
    assert_refused("load", "5 ");
    assert_refused("batch-ms", "0");
    assert_refused("max-batch", "-1");
    assert_refused("throttle-query-limit", "nan");
    assert_refused("capture", "wal");
    assert_refused("copy-jobs", "0");
    assert_refused("copy-jobs", "65");
    assert_refused("postpone-cut-over", "maybe");
    assert_refused("snapshot-wait", "long");
    assert_refused("on-old-snapshot", "ignore");
    assert_refused("standby", "host=db2 password=secret");
    assert_refused("standby", "postgresql://me:secret@db2/shop");
    assert_refused("on-blocker", "idle-in-transaction=cancel");
    assert_refused("on-blocker", "prepared=terminate");
    assert_refused("on-blocker", "active=wait:1s");
    assert_refused("on-blocker", "active");
    assert_refused("on-blocker", "nobody=wait");
}

static void
test_standbys_replace_those_of_the_journal(void)
{
    RunOptions options = {0};
    g_autofree char *text = NULL;

    settings_init(&options);
    options.standbys[0] = "host=old";
    options.standbys[1] = NULL;
    take(&options, SETTING_STANDBY, "host=a");
    take(&options, SETTING_STANDBY, "host=b");
    text = settings_text(&options, SETTING_STANDBY);
    g_assert_cmpstr(text, ==, "host=a\nhost=b");
    for (int i = 2; i < MOST_STANDBYS; i++)
        take(&options, SETTING_STANDBY, "host=c");
    assert_refused("standby", "host=x sslpassword=y");
    g_assert_false(settings_take(&options, "standby", "host=one too many", NULL));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run/settings/names_are_unlike", test_names_are_unlike);
    g_test_add_func("/run/settings/defaults", test_defaults_are_taken_as_they_are_printed);
    g_test_add_func("/run/settings/values", test_values);
    g_test_add_func("/run/settings/what_cannot_be", test_what_cannot_be);
    g_test_add_func("/run/settings/standbys", test_standbys_replace_those_of_the_journal);
    return g_test_run();
}
