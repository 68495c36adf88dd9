#include "run/setting_type.h"

#include <string.h>

#include "base/units.h"
#include "db/conn.h"

#define POLICY_AGE_MS 10000

#define KIND_NAME(id, name, doc) [id] = name,
static const char *const kind_names[] = {BLOCKER_KINDS(KIND_NAME)};
#define KIND_DOC(id, name, doc) [id] = doc,
static const char *const kind_docs[] = {BLOCKER_KINDS(KIND_DOC)};
#define ACTION_NAME(id, name) [id] = name,
static const char *const action_names[] = {BLOCKER_ACTIONS(ACTION_NAME)};

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

int
setting_kind_of_name(const char *name)
{
    return index_of(kind_names, N_BLOCKER_KINDS, name);
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

static int
index_of_choice(const Setting *setting, const char *text)
{
    return index_of(setting->choices, (int)g_strv_length((GStrv)setting->choices), text);
}

static gboolean
parse_index(const Setting *setting, const char *text, gpointer field)
{
    int index = index_of_choice(setting, text);

    *(int *)field = MAX(index, 0);
    return index >= 0;
}

static char *
print_index(const Setting *setting, gconstpointer field)
{
    return g_strdup(setting->choices[*(const int *)field]);
}

static gboolean
parse_choice(const Setting *setting, const char *text, gpointer field)
{
    *(const char **)field = g_intern_string(text);
    return index_of_choice(setting, text) >= 0;
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

const SettingType setting_type_count = {parse_count, print_count, sizeof(int), number_of_count};
const SettingType setting_type_short_ms = {parse_short_ms, print_short_ms, sizeof(int), number_of_short_ms};
const SettingType setting_type_bytes = {parse_bytes, print_bytes, sizeof(gint64), number_of_bytes};
const SettingType setting_type_ms = {parse_ms, print_ms, sizeof(gint64), number_of_ms};
const SettingType setting_type_number = {parse_number, print_number, sizeof(double), number_of_number};
const SettingType setting_type_text = {parse_text, print_text, sizeof(char *), NULL};
const SettingType setting_type_index = {parse_index, print_index, sizeof(int), NULL};
const SettingType setting_type_choice = {parse_choice, print_text, sizeof(char *), NULL};
const SettingType setting_type_standby = {parse_standby, print_standby, sizeof(((RunOptions *)NULL)->standbys), NULL};
const SettingType setting_type_policy = {parse_policy, print_policy, sizeof(BlockerPolicy), NULL};
