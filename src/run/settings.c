#include "run/setting_type.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "db/array.h"
#include "run/journal.h"
#include "run_queries.h"

#define MOST_BYTES  (G_GINT64_CONSTANT(1) << 60)
#define MOST_MS     (G_GINT64_CONSTANT(86400000) * 365)
#define FIELD(name) offsetof(RunOptions, name)
#define POLICIES    "wait, cancel, terminate or give-up, with an age as in terminate:30s"

#define ON_BLOCKER(id, journal_name, kind_expects)                                                                     \
    [SETTING_ON_BLOCKER + (id)] = {{journal_name, "on-blocker", "KIND=POLICY", NULL, NULL, NULL},                      \
                                   &setting_type_policy,                                                               \
                                   FIELD(policies) + (id) * sizeof(BlockerPolicy),                                     \
                                   "wait",                                                                             \
                                   id,                                                                                 \
                                   0,                                                                                  \
                                   0,                                                                                  \
                                   kind_expects,                                                                       \
                                   NULL}

static const char *const vacuum_names[] = {
    [VACUUM_SLOW] = "slow", [VACUUM_PAUSE] = "pause", [VACUUM_IGNORE] = "ignore", NULL};
static const char *const snapshot_names[] = {[OLD_SNAPSHOT_WAIT] = "wait", [OLD_SNAPSHOT_PROCEED] = "proceed", NULL};
static const char *const off_on[] = {[FALSE] = "off", [TRUE] = "on", NULL};
static const char *const captures[] = {"auto", "logical", "trigger", NULL};

/* clang-format off */
static const Setting settings[] = {
    [SETTING_BATCH_MS] = {{"batch_ms", "batch-ms", "MS", "What a batch of a backfill shall take (default 60)", "batch-time", NULL},
        &setting_type_short_ms, FIELD(batch_ms), "60ms", 1, 60000, 1, "a time from 1ms to 60s", NULL},
    [SETTING_MAX_BATCH_ROWS] = {{"max_batch_rows", "max-batch", "ROWS", "Most rows of a batch (default 50000)", NULL, NULL},
        &setting_type_count, FIELD(max_batch_rows), "50000", 1, 10000000, 0, "a number from 1 to 10000000", NULL},
    [SETTING_LOAD_PERCENT] = {{"load_percent", "load", "PERCENT", "Share of the time that a backfill works (default 80)", NULL, NULL},
        &setting_type_count, FIELD(load_percent), "80", 1, 100, 0, "a number from 1 to 100", NULL},
    [SETTING_MAX_LAG_BYTES] = {{"max_lag_bytes", "max-lag-bytes", "BYTES",
        "Pause a backfill while a standby is further behind; 0: never (default 64MB)", NULL, NULL},
        &setting_type_bytes, FIELD(max_lag_bytes), "64MB", 0, MOST_BYTES, 0, "a size as 64MB or 1GB; 0: never", NULL},
    [SETTING_MAX_LAG_SECONDS] = {{"max_lag_seconds", "max-lag-seconds", "S",
        "The same in time; 0: never (default 10)", NULL, NULL},
        &setting_type_ms, FIELD(max_lag_ms), "10s", 0, MOST_MS, 1000, "a time as 500ms, 10 (seconds) or 1min; 0: never", NULL},
    [SETTING_STANDBY] = {{"standby", "standby", "CONNINFO",
        "Ask this standby itself: its lag, and who would be in the way of a lock there (repeatable; empty: none)", NULL, NULL},
        &setting_type_standby, FIELD(standbys), "", 0, 0, 0,
        "a conninfo string or URI without a password (use a passfile or a service), at most 8 of them", NULL},
    [SETTING_MAX_SLOT_BYTES] = {{"max_slot_bytes", "max-slot-bytes", "BYTES",
        "Pause a backfill while a replication slot keeps more WAL; 0: never (default 8GB)", NULL, NULL},
        &setting_type_bytes, FIELD(max_slot_bytes), "8GB", 0, MOST_BYTES, 0, "a size as 64MB or 1GB; 0: never", NULL},
    [SETTING_ON_VACUUM] = {{"on_vacuum", "on-vacuum", "WHAT",
        "While the table is being vacuumed: slow (default, half the pace), pause or ignore", NULL, NULL},
        &setting_type_index, FIELD(on_vacuum), "slow", 0, 0, 0, "slow, pause or ignore", vacuum_names},
    [SETTING_THROTTLE_QUERY] = {{"throttle_query", "throttle-query", "SQL",
        "Pause a backfill while this query gives true or a number above the limit (empty: none)", NULL, NULL},
        &setting_type_text, FIELD(throttle_query), "", 0, 0, 0, "a query", NULL},
    [SETTING_THROTTLE_QUERY_LIMIT] = {{"throttle_query_limit", "throttle-query-limit", "NUMBER",
        "Its limit (default 0)", NULL, NULL},
        &setting_type_number, FIELD(throttle_query_limit), "0", 0, 0, 0, "a number", NULL},
    [SETTING_PAUSE_FILE] = {{"pause_file", "pause-file", "PATH",
        "Pause a backfill while this file exists (empty: none)", NULL, NULL},
        &setting_type_text, FIELD(pause_file), "", 0, 0, 0, "a path", NULL},
    [SETTING_CAPTURE] = {{"capture", "capture", "HOW",
        "How an online rewrite learns of changed rows: logical, trigger or auto (default)", NULL, NULL},
        &setting_type_choice, FIELD(capture), "auto", 0, 0, 0, "auto, logical or trigger", captures},
    [SETTING_COPY_JOBS] = {{"copy_jobs", "copy-jobs", "N",
        "How many sessions copy, build indexes and compare at a time (default 4)", NULL, NULL},
        &setting_type_count, FIELD(copy_jobs), "4", 1, 64, 0, "a number from 1 to 64", NULL},
    [SETTING_POSTPONE_CUT_OVER] = {{"postpone_cut_over", "postpone-cut-over", "on|off",
        "Keep an online rewrite caught up, and cut over only when `pgseam cut-over` says so (default off)", NULL, "on"},
        &setting_type_index, FIELD(postpones_cut_over), "off", 0, 0, 0, "on or off", off_on},
    [SETTING_SNAPSHOT_WAIT] = {{"snapshot_wait", "snapshot-wait", "TIME",
        "How long the cut-over waits for transactions with an older snapshot (default 60s)", NULL, NULL},
        &setting_type_ms, FIELD(snapshot_wait_ms), "60s", 0, MOST_MS, 1000, "a time as 500ms, 60 (seconds) or 5min", NULL},
    [SETTING_ON_OLD_SNAPSHOT] = {{"on_old_snapshot", "on-old-snapshot", "WHAT",
        "When that is over: wait (default: stop, exit 4) or proceed (they see the table empty)", NULL, NULL},
        &setting_type_index, FIELD(on_old_snapshot), "wait", 0, 0, 0, "wait or proceed", snapshot_names},
    ON_BLOCKER(BLOCKER_IDLE, "on_blocker_idle_in_transaction",
               "wait, terminate or give-up, with an age as in terminate:30s (there is no query to cancel)"),
    ON_BLOCKER(BLOCKER_ACTIVE, "on_blocker_active", POLICIES),
    ON_BLOCKER(BLOCKER_AUTOVACUUM, "on_blocker_autovacuum", POLICIES),
    ON_BLOCKER(BLOCKER_WRAPAROUND, "on_blocker_wraparound", POLICIES),
    ON_BLOCKER(BLOCKER_PREPARED, "on_blocker_prepared",
               "wait or give-up (only COMMIT PREPARED or ROLLBACK PREPARED ends it, and which one we cannot know)"),
    ON_BLOCKER(BLOCKER_STANDBY, "on_blocker_standby", POLICIES),
    ON_BLOCKER(BLOCKER_OTHER, "on_blocker_other", POLICIES),
};
/* clang-format on */

G_STATIC_ASSERT(G_N_ELEMENTS(settings) == N_SETTINGS);
G_STATIC_ASSERT(N_SETTINGS <= 32);

const SettingTrait *
setting_trait(SettingId id)
{
    return &settings[id].trait;
}

static gboolean
set(RunOptions *options, SettingId id, const char *text)
{
    const Setting *setting = &settings[id];

    return setting->type->parse(setting, text, (char *)options + setting->offset);
}

void
settings_init(RunOptions *options)
{
    for (int id = 0; id < N_SETTINGS; id++) {
        if (!set(options, (SettingId)id, settings[id].initial))
            g_assert_not_reached();
    }
}

char *
settings_text(const RunOptions *options, SettingId id)
{
    const Setting *setting = &settings[id];

    return setting->type->print(setting, (const char *)options + setting->offset);
}

gboolean
settings_number(const RunOptions *options, SettingId id, double *ret_number)
{
    const Setting *setting = &settings[id];

    if (setting->type->number == NULL)
        return FALSE;
    *ret_number = setting->type->number(setting, (const char *)options + setting->offset);
    return TRUE;
}

gboolean
settings_is_given(const RunOptions *options, SettingId id)
{
    return (options->given & (1U << id)) != 0;
}

gboolean
settings_any_given(const RunOptions *options)
{
    return options->given != 0;
}

static int
find(const char *option)
{
    for (int id = 0; id < SETTING_ON_BLOCKER; id++) {
        if (strcmp(settings[id].trait.option, option) == 0 || g_strcmp0(settings[id].trait.alias, option) == 0)
            return id;
    }
    return -1;
}

/* "KIND=POLICY" -> the setting of the kind, and where its policy begins. */
static int
find_kind(const char **text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(*text, "=", 2);
    int kind = parts[0] != NULL ? setting_kind_of_name(parts[0]) : -1;
    g_autoptr(GString) kinds = g_string_new(NULL);

    if (kind >= 0 && parts[1] != NULL) {
        *text += strlen(parts[0]) + 1;
        return SETTING_ON_BLOCKER + kind;
    }
    for (int i = 0; i < N_BLOCKER_KINDS; i++)
        g_string_append_printf(kinds, "%s%s", i > 0 ? ", " : "", blocker_kind_name((BlockerKind)i));
    seam_error_set(error, SEAM_ERROR_USAGE, "--on-blocker takes KIND=POLICY, not \"%s\"", *text);
    seam_error_hint(error, "kinds: %s; policies: %s", kinds->str, POLICIES);
    return -1;
}

gboolean
settings_take(RunOptions *options, const char *option, const char *text, GError **error)
{
    int id = strcmp(option, "on-blocker") == 0 ? find_kind(&text, error) : find(option);

    if (id < 0)
        return FALSE;
    if (id == SETTING_STANDBY && !settings_is_given(options, SETTING_STANDBY))
        set(options, SETTING_STANDBY, "");
    if (!set(options, (SettingId)id, strcmp(text, "default") == 0 ? settings[id].initial : text)) {
        seam_error_set(error, SEAM_ERROR_USAGE, "--%s%s%s takes %s, not \"%s\"", option,
                       id >= SETTING_ON_BLOCKER ? " " : "",
                       id >= SETTING_ON_BLOCKER ? blocker_kind_name((BlockerKind)(id - SETTING_ON_BLOCKER)) : "",
                       settings[id].expects, id == SETTING_STANDBY ? "..." : text);
        return FALSE;
    }
    options->given |= 1U << id;
    return TRUE;
}

static int
find_name(const char *name)
{
    for (int id = 0; id < N_SETTINGS; id++) {
        if (strcmp(settings[id].trait.name, name) == 0)
            return id;
    }
    return -1;
}

/* A setting of the journal that this pgseam does not know or cannot read: going on without it could be what its author
 * wanted to prevent. */
static gboolean
take_stored(RunOptions *options, const char *name, const GPtrArray *values, GError **error)
{
    int id = find_name(name);
    gboolean ok = id >= 0;

    for (guint i = 0; ok && i < values->len; i++)
        ok = set(options, (SettingId)id, g_ptr_array_index(values, i));
    if (ok)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "setting %s in the journal is not one this pgseam understands", name);
    seam_error_hint(error, "use the pgseam that wrote it, or set it anew with `pgseam throttle`");
    return FALSE;
}

gboolean
settings_load(DbConn *conn, gint64 migration, gboolean keep_given, RunOptions *options, GError **error)
{
    g_autofree char *id = db_int_text(migration);
    g_autoptr(DbResult) rows = db_query(conn, QUERY_SETTING_LIST, DB_ARGS(id), error);
    RunOptions loaded = *options;

    if (rows == NULL)
        return FALSE;
    settings_init(&loaded);
    for (int i = 0; i < db_rows(rows); i++) {
        g_autoptr(GPtrArray) values = db_array(rows, i, "value");

        if (!take_stored(&loaded, db_text(rows, i, "name"), values, error))
            return FALSE;
    }
    for (int k = 0; keep_given && k < N_SETTINGS; k++) {
        gsize at = settings[k].offset;

        if (settings_is_given(options, (SettingId)k))
            memcpy((char *)&loaded + at, (const char *)options + at, settings[k].type->size);
    }
    *options = loaded;
    return TRUE;
}

static gboolean
store_one(DbConn *conn, gint64 migration, const RunOptions *options, SettingId id, GError **error)
{
    const char *name = settings[id].trait.name;
    g_autofree char *text = settings_text(options, id);
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", id == SETTING_STANDBY ? "\n" : "\001", -1);
    g_autofree char *array = NULL;
    g_autofree char *id_text = db_int_text(migration);
    g_autofree char *event = g_strdup_printf("%s = %s", name, text != NULL ? text : "none");

    for (guint i = 0; parts[i] != NULL; i++)
        g_ptr_array_add(values, g_strdup(parts[i]));
    array = db_array_text(values);
    return db_run(conn, QUERY_SETTING_PUT, DB_ARGS(id_text, name, array), error) &&
           journal_event(conn, migration, 0, "setting", event, error);
}

gboolean
settings_store(DbConn *conn, gint64 migration, const RunOptions *options, GError **error)
{
    for (int k = 0; k < N_SETTINGS; k++) {
        if (settings_is_given(options, (SettingId)k) && !store_one(conn, migration, options, (SettingId)k, error))
            return FALSE;
    }
    return TRUE;
}
