#include "run/settings.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "db/array.h"
#include "run/journal.h"
#include "run_queries.h"

#define POLICY_AGE_MS 10000

typedef struct Setting Setting;

/* How values of a kind are read and printed. `parse` gets the field; FALSE: `expects` says what it takes. */
typedef struct SettingType {
    gboolean (*parse)(const Setting *setting, const char *text, gpointer field);
    char *(*print)(const Setting *setting, gconstpointer field);
    gsize size;                                                    /* of the field */
    double (*number)(const Setting *setting, gconstpointer field); /* NULL: is none */
} SettingType;

struct Setting {
    SettingTrait trait;
    const SettingType *type;
    gsize offset;
    const char *initial;
    gint64 min;
    gint64 max;
    int plain_ms; /* what a number without a unit means */
    const char *expects;
};

#define KIND_NAME(id, name, doc) [id] = name,
static const char *const kind_names[] = {BLOCKER_KINDS(KIND_NAME)};
#define KIND_DOC(id, name, doc) [id] = doc,
static const char *const kind_docs[] = {BLOCKER_KINDS(KIND_DOC)};
#define ACTION_NAME(id, name) [id] = name,
static const char *const action_names[] = {BLOCKER_ACTIONS(ACTION_NAME)};
static const char *const vacuum_names[] = {
    [VACUUM_SLOW] = "slow", [VACUUM_PAUSE] = "pause", [VACUUM_IGNORE] = "ignore"};

const char *
blocker_kind_name(BlockerKind kind)
{
    return kind_names[kind];
}

const char *
blocker_kind_doc(BlockerKind kind)
{
    return kind_docs[kind];
}

const char *
blocker_action_name(BlockerAction action)
{
    return action_names[action];
}

static int
index_of(const char *const *names, int n, const char *name)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

static gboolean
is_within(const Setting *setting, gint64 value)
{
    return value >= setting->min && value <= setting->max;
}

static gboolean
parse_count(const Setting *setting, const char *text, gpointer field)
{
    gint64 number = 0;

    if (!g_ascii_string_to_signed(text, 10, setting->min, setting->max, &number, NULL))
        return FALSE;
    *(int *)field = (int)number;
    return TRUE;
}

static double
number_of_count(const Setting *setting, gconstpointer field)
{
    return *(const int *)field;
}

static char *
print_count(const Setting *setting, gconstpointer field)
{
    return g_strdup_printf("%d", *(const int *)field);
}

/* A time that is short enough for an int. */
static gboolean
parse_short_ms(const Setting *setting, const char *text, gpointer field)
{
    gint64 ms = 0;

    if (!units_parse_ms(text, setting->plain_ms, &ms) || !is_within(setting, ms))
        return FALSE;
    *(int *)field = (int)ms;
    return TRUE;
}

static double
number_of_short_ms(const Setting *setting, gconstpointer field)
{
    return *(const int *)field;
}

static char *
print_short_ms(const Setting *setting, gconstpointer field)
{
    return units_ms_text(*(const int *)field);
}

static gboolean
parse_bytes(const Setting *setting, const char *text, gpointer field)
{
    return units_parse_bytes(text, field) && is_within(setting, *(gint64 *)field);
}

static double
number_of_bytes(const Setting *setting, gconstpointer field)
{
    return (double)*(const gint64 *)field;
}

static char *
print_bytes(const Setting *setting, gconstpointer field)
{
    return units_bytes_text(*(const gint64 *)field);
}

static gboolean
parse_ms(const Setting *setting, const char *text, gpointer field)
{
    return units_parse_ms(text, setting->plain_ms, field) && is_within(setting, *(gint64 *)field);
}

static double
number_of_ms(const Setting *setting, gconstpointer field)
{
    return (double)*(const gint64 *)field / setting->plain_ms;
}

static char *
print_ms(const Setting *setting, gconstpointer field)
{
    return units_ms_text(*(const gint64 *)field);
}

static gboolean
parse_number(const Setting *setting, const char *text, gpointer field)
{
    char *end = NULL;
    double number = g_ascii_strtod(text, &end);

    *(double *)field = number;
    return end != text && *end == '\0' && number - number == 0;
}

static double
number_of_number(const Setting *setting, gconstpointer field)
{
    return *(const double *)field;
}

static char *
print_number(const Setting *setting, gconstpointer field)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    return g_strdup(g_ascii_formatd(text, sizeof(text), "%.15g", *(const double *)field));
}

static gboolean
parse_text(const Setting *setting, const char *text, gpointer field)
{
    *(const char **)field = text[0] != '\0' ? g_intern_string(text) : NULL;
    return TRUE;
}

static char *
print_text(const Setting *setting, gconstpointer field)
{
    return g_strdup(*(const char *const *)field);
}

static gboolean
parse_vacuum(const Setting *setting, const char *text, gpointer field)
{
    int policy = index_of(vacuum_names, N_VACUUM_POLICIES, text);

    *(VacuumPolicy *)field = (VacuumPolicy)MAX(policy, 0);
    return policy >= 0;
}

static char *
print_vacuum(const Setting *setting, gconstpointer field)
{
    return g_strdup(vacuum_names[*(const VacuumPolicy *)field]);
}

/* One more for the list; an empty one empties it. */
static gboolean
parse_standby(const Setting *setting, const char *text, gpointer field)
{
    const char **list = field;
    guint n = g_strv_length((GStrv)list);

    if (text[0] == '\0') {
        list[0] = NULL;
        return TRUE;
    }
    if (n >= MOST_STANDBYS || db_target_has_password(text))
        return FALSE;
    list[n] = g_intern_string(text);
    list[n + 1] = NULL;
    return TRUE;
}

static char *
print_standby(const Setting *setting, gconstpointer field)
{
    const char *const *list = field;

    return list[0] != NULL ? g_strjoinv("\n", (GStrv)list) : NULL;
}

/* Cancelling ends a query, and an idle session runs none; a prepared transaction has no session at all. */
static gboolean
may_have_action(BlockerKind kind, BlockerAction action)
{
    if (kind == BLOCKER_PREPARED)
        return action == ACTION_WAIT || action == ACTION_GIVE_UP;
    return kind != BLOCKER_IDLE || action != ACTION_CANCEL;
}

static gboolean
parse_policy(const Setting *setting, const char *text, gpointer field)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 2);
    int action = parts[0] != NULL ? index_of(action_names, N_BLOCKER_ACTIONS, parts[0]) : -1;
    BlockerPolicy *policy = field;

    if (action < 0 || !may_have_action((BlockerKind)setting->min, (BlockerAction)action))
        return FALSE;
    policy->action = (BlockerAction)action;
    policy->age_ms = action == ACTION_CANCEL || action == ACTION_TERMINATE ? POLICY_AGE_MS : 0;
    if (parts[1] == NULL)
        return TRUE;
    return action != ACTION_WAIT && units_parse_ms(parts[1], 1000, &policy->age_ms);
}

static char *
print_policy(const Setting *setting, gconstpointer field)
{
    const BlockerPolicy *policy = field;
    g_autofree char *age = units_ms_text(policy->age_ms);

    if (policy->action == ACTION_WAIT)
        return g_strdup(action_names[ACTION_WAIT]);
    return g_strdup_printf("%s:%s", action_names[policy->action], policy->age_ms == 0 ? "0s" : age);
}

static const SettingType type_count = {parse_count, print_count, sizeof(int), number_of_count};
static const SettingType type_short_ms = {parse_short_ms, print_short_ms, sizeof(int), number_of_short_ms};
static const SettingType type_bytes = {parse_bytes, print_bytes, sizeof(gint64), number_of_bytes};
static const SettingType type_ms = {parse_ms, print_ms, sizeof(gint64), number_of_ms};
static const SettingType type_number = {parse_number, print_number, sizeof(double), number_of_number};
static const SettingType type_text = {parse_text, print_text, sizeof(char *), NULL};
static const SettingType type_vacuum = {parse_vacuum, print_vacuum, sizeof(VacuumPolicy), NULL};
static const SettingType type_standby = {parse_standby, print_standby, sizeof(((RunOptions *)NULL)->standbys), NULL};
static const SettingType type_policy = {parse_policy, print_policy, sizeof(BlockerPolicy), NULL};

#define MOST_BYTES  (G_GINT64_CONSTANT(1) << 60)
#define MOST_MS     (G_GINT64_CONSTANT(86400000) * 365)
#define FIELD(name) offsetof(RunOptions, name)
#define POLICIES    "wait, cancel, terminate or give-up, with an age as in terminate:30s"

#define ON_BLOCKER(id, journal_name, kind_expects)                                                                     \
    [SETTING_ON_BLOCKER + (id)] = {{journal_name, "on-blocker", "KIND=POLICY", NULL, NULL},                            \
                                   &type_policy,                                                                       \
                                   FIELD(policies) + (id) * sizeof(BlockerPolicy),                                     \
                                   "wait",                                                                             \
                                   id,                                                                                 \
                                   0,                                                                                  \
                                   0,                                                                                  \
                                   kind_expects}

/* clang-format off */
static const Setting settings[] = {
    [SETTING_BATCH_MS] = {{"batch_ms", "batch-ms", "MS", "What a batch of a backfill shall take (default 60)", "batch-time"},
        &type_short_ms, FIELD(batch_ms), "60ms", 1, 60000, 1, "a time from 1ms to 60s"},
    [SETTING_MAX_BATCH_ROWS] = {{"max_batch_rows", "max-batch", "ROWS", "Most rows of a batch (default 50000)", NULL},
        &type_count, FIELD(max_batch_rows), "50000", 1, 10000000, 0, "a number from 1 to 10000000"},
    [SETTING_LOAD_PERCENT] = {{"load_percent", "load", "PERCENT", "Share of the time that a backfill works (default 80)", NULL},
        &type_count, FIELD(load_percent), "80", 1, 100, 0, "a number from 1 to 100"},
    [SETTING_MAX_LAG_BYTES] = {{"max_lag_bytes", "max-lag-bytes", "BYTES",
        "Pause a backfill while a standby is further behind; 0: never (default 64MB)", NULL},
        &type_bytes, FIELD(max_lag_bytes), "64MB", 0, MOST_BYTES, 0, "a size as 64MB or 1GB; 0: never"},
    [SETTING_MAX_LAG_SECONDS] = {{"max_lag_seconds", "max-lag-seconds", "S",
        "The same in time; 0: never (default 10)", NULL},
        &type_ms, FIELD(max_lag_ms), "10s", 0, MOST_MS, 1000, "a time as 500ms, 10 (seconds) or 1min; 0: never"},
    [SETTING_STANDBY] = {{"standby", "standby", "CONNINFO",
        "Ask this standby itself: its lag, and who would be in the way of a lock there (repeatable; empty: none)", NULL},
        &type_standby, FIELD(standbys), "", 0, 0, 0,
        "a conninfo string or URI without a password (use a passfile or a service), at most 8 of them"},
    [SETTING_MAX_SLOT_BYTES] = {{"max_slot_bytes", "max-slot-bytes", "BYTES",
        "Pause a backfill while a replication slot keeps more WAL; 0: never (default 8GB)", NULL},
        &type_bytes, FIELD(max_slot_bytes), "8GB", 0, MOST_BYTES, 0, "a size as 64MB or 1GB; 0: never"},
    [SETTING_ON_VACUUM] = {{"on_vacuum", "on-vacuum", "WHAT",
        "While the table is being vacuumed: slow (default, half the pace), pause or ignore", NULL},
        &type_vacuum, FIELD(on_vacuum), "slow", 0, 0, 0, "slow, pause or ignore"},
    [SETTING_THROTTLE_QUERY] = {{"throttle_query", "throttle-query", "SQL",
        "Pause a backfill while this query gives true or a number above the limit (empty: none)", NULL},
        &type_text, FIELD(throttle_query), "", 0, 0, 0, "a query"},
    [SETTING_THROTTLE_QUERY_LIMIT] = {{"throttle_query_limit", "throttle-query-limit", "NUMBER",
        "Its limit (default 0)", NULL},
        &type_number, FIELD(throttle_query_limit), "0", 0, 0, 0, "a number"},
    [SETTING_PAUSE_FILE] = {{"pause_file", "pause-file", "PATH",
        "Pause a backfill while this file exists (empty: none)", NULL},
        &type_text, FIELD(pause_file), "", 0, 0, 0, "a path"},
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
    int kind = parts[0] != NULL ? index_of(kind_names, N_BLOCKER_KINDS, parts[0]) : -1;
    g_autofree char *kinds = NULL;

    if (kind >= 0 && parts[1] != NULL) {
        *text += strlen(parts[0]) + 1;
        return SETTING_ON_BLOCKER + kind;
    }
    kinds = g_strjoin(", ", kind_names[0], kind_names[1], kind_names[2], kind_names[3], kind_names[4], kind_names[5],
                      kind_names[6], NULL);
    seam_error_set(error, SEAM_ERROR_USAGE, "--on-blocker takes KIND=POLICY, not \"%s\"", *text);
    seam_error_hint(error, "kinds: %s; policies: %s", kinds, POLICIES);
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
                       id >= SETTING_ON_BLOCKER ? kind_names[id - SETTING_ON_BLOCKER] : "", settings[id].expects,
                       id == SETTING_STANDBY ? "..." : text);
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
    g_autofree char *id = g_strdup_printf("%" G_GINT64_FORMAT, migration);
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
    g_autofree char *id_text = g_strdup_printf("%" G_GINT64_FORMAT, migration);
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
