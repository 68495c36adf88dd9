#include "run/gauges.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "base/units.h"
#include "run/journal.h"
#include "run/progress.h"
#include "run/standby.h"
#include "run/throttle.h"
#include "run_queries.h"

#define INTERVAL_MS      200
#define QUERY_TIMEOUT_MS 1000
/* A gauge takes at most this part of the time. */
#define SHARE 5

typedef struct Gauge {
    const char *name;
    gboolean (*is_on)(const RunOptions *options);
    gboolean (*read)(Run *run, Reading *reading, GError **error);
} Gauge;

static gboolean
is_always_on(const RunOptions *options)
{
    return TRUE;
}

static gboolean
read_pause(Run *run, Reading *reading, GError **error)
{
    if (throttle_is_paused(run))
        reading->reason = g_strdup("paused by an operator");
    return TRUE;
}

static gboolean
has_pause_file(const RunOptions *options)
{
    return options->pause_file != NULL;
}

static gboolean
read_pause_file(Run *run, Reading *reading, GError **error)
{
    if (g_file_test(run->options.pause_file, G_FILE_TEST_EXISTS))
        reading->reason = g_strdup_printf("paused while file %s exists", run->options.pause_file);
    return TRUE;
}

static gboolean
has_lag_limit(const RunOptions *options)
{
    return options->max_lag_bytes > 0 || options->max_lag_ms > 0;
}

static char *
bytes_reason(const char *who, gint64 bytes, gint64 limit)
{
    g_autofree char *about = units_bytes_about((double)bytes);
    g_autofree char *most = units_bytes_text(limit);

    return g_strdup_printf("standby %s is %s behind, more than %s", who, about, most);
}

static char *
time_reason(const char *who, gint64 ms, gint64 limit)
{
    g_autofree char *most = units_ms_text(limit);

    return g_strdup_printf("standby %s is %.1f s behind, more than %s", who, (double)ms / 1000, most);
}

static char *
lag_reason(const RunOptions *options, const char *who, gint64 bytes, gint64 ms)
{
    if (options->max_lag_bytes > 0 && bytes > options->max_lag_bytes)
        return bytes_reason(who, bytes, options->max_lag_bytes);
    if (options->max_lag_ms > 0 && ms > options->max_lag_ms)
        return time_reason(who, ms, options->max_lag_ms);
    return NULL;
}

/* Roles without pg_read_all_stats see that there are standbys, and nothing else about them. */
static gboolean
read_primary_lag(Run *run, Reading *reading, GError **error)
{
    g_autoptr(DbResult) rows = db_query(run->control, QUERY_GAUGE_LAG, DB_NONE, error);
    int hidden = 0;

    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        hidden += db_bool(rows, i, "is_hidden");
        if (reading->reason == NULL)
            reading->reason =
                lag_reason(&run->options, db_text(rows, i, "who"), db_int(rows, i, "bytes"), db_int(rows, i, "ms"));
    }
    if (hidden > 0)
        throttle_say_once(run,
                          "the gauge of standby lag is off for %d standby%s: the role may not read "
                          "pg_stat_replication; GRANT pg_monitor to it, or name each with --standby",
                          hidden, hidden == 1 ? "" : "s");
    return rows != NULL;
}

static gboolean
has_standby_limit(const RunOptions *options)
{
    return options->standbys[0] != NULL && has_lag_limit(options);
}

static gboolean
read_standby_lag(Run *run, Reading *reading, GError **error)
{
    StandbyLag bytes;
    StandbyLag ms;

    if (!standby_lag(run, &bytes, &ms, error))
        return FALSE;
    if (bytes.label != NULL)
        reading->reason = lag_reason(&run->options, bytes.label, bytes.bytes, bytes.ms);
    if (reading->reason == NULL && ms.label != NULL)
        reading->reason = lag_reason(&run->options, ms.label, ms.bytes, ms.ms);
    return TRUE;
}

static gboolean
has_slot_limit(const RunOptions *options)
{
    return options->max_slot_bytes > 0;
}

/* "unreserved": the server will drop the WAL that the slot still needs (max_slot_wal_keep_size), and with it what reads
 * from the slot. */
static gboolean
read_slots(Run *run, Reading *reading, GError **error)
{
    g_autoptr(DbResult) row = db_query(run->control, QUERY_GAUGE_SLOTS, DB_NONE, error);
    g_autofree char *about = NULL;
    g_autofree char *most = NULL;
    const char *active;

    if (row == NULL || db_rows(row) == 0)
        return row != NULL;
    active = db_bool(row, 0, "active") ? "" : " (inactive)";
    about = units_bytes_about(db_double(row, 0, "bytes"));
    most = units_bytes_text(run->options.max_slot_bytes);
    if (g_strcmp0(db_text(row, 0, "wal_status"), "unreserved") == 0)
        reading->reason =
            g_strdup_printf("slot %s%s is about to lose its WAL: it is %s behind, more than max_slot_wal_keep_size",
                            db_text(row, 0, "slot_name"), active, about);
    else if (db_int(row, 0, "bytes") > run->options.max_slot_bytes)
        reading->reason = g_strdup_printf("slot %s%s keeps %s of WAL, more than %s", db_text(row, 0, "slot_name"),
                                          active, about, most);
    return TRUE;
}

static gboolean
minds_vacuum(const RunOptions *options)
{
    return options->on_vacuum != VACUUM_IGNORE;
}

static gboolean
read_vacuum(Run *run, Reading *reading, GError **error)
{
    g_autofree char *table = NULL;
    g_autofree char *name = NULL;
    g_autofree char *done = NULL;
    g_autoptr(DbResult) row = NULL;
    double total;

    if (run->step == NULL || run->step->table == NULL)
        return TRUE;
    table = sql_quote_name(run->step->schema, run->step->table);
    row = db_query(run->control, QUERY_GAUGE_VACUUM, DB_ARGS(table), error);
    if (row == NULL || db_rows(row) == 0)
        return row != NULL;
    name = sql_quote_name(db_text(row, 0, "schema"), db_text(row, 0, "name"));
    total = db_double(row, 0, "heap_blks_total");
    reading->is_slow = run->options.on_vacuum == VACUUM_SLOW;
    done = total > 0 ? g_strdup_printf(", %.0f %% scanned", 100 * db_double(row, 0, "heap_blks_scanned") / total)
                     : g_strdup("");
    reading->reason = g_strdup_printf("%s: %s is being vacuumed (pid %" G_GINT64_FORMAT "%s)",
                                      reading->is_slow ? "slowed down" : "paused", name, db_int(row, 0, "pid"), done);
    return TRUE;
}

static gboolean
has_query(const RunOptions *options)
{
    return options->throttle_query != NULL;
}

/* One row of one column: a boolean or a number. Anything else is an error. */
static gboolean
judge(const RunOptions *options, const DbResult *row, Reading *reading, GError **error)
{
    const char *text = db_rows(row) == 1 && db_columns(row) == 1 ? db_text_at(row, 0, 0) : NULL;
    char *end = NULL;
    double number = text != NULL ? g_ascii_strtod(text, &end) : 0;

    if (text != NULL && (strcmp(text, "t") == 0 || strcmp(text, "f") == 0)) {
        if (text[0] == 't')
            reading->reason = g_strdup("the throttle query says true");
        return TRUE;
    }
    if (text == NULL || end == text || *end != '\0' || number != number) {
        seam_error_set(error, SEAM_ERROR_FAILED, "it gave %s%s%s, not one number or boolean", text != NULL ? "\"" : "",
                       text != NULL                                ? text
                       : db_rows(row) == 1 && db_columns(row) == 1 ? "NULL"
                                                                   : "not exactly one row of one column",
                       text != NULL ? "\"" : "");
        return FALSE;
    }
    if (number > options->throttle_query_limit)
        reading->reason =
            g_strdup_printf("the throttle query gives %s, more than %.15g", text, options->throttle_query_limit);
    return TRUE;
}

/* Reads only, takes no longer than a moment, and finds its names as the role does. */
static gboolean
read_query(Run *run, Reading *reading, GError **error)
{
    g_autoptr(DbResult) row = NULL;

    if (db_run(run->watch, "BEGIN READ ONLY", DB_NONE, error) &&
        db_run(run->watch, "SELECT pg_catalog.set_config('search_path', $1, true)",
               DB_ARGS(db_settings(run->watch)->search_path), error) &&
        db_set_local_ms(run->watch, "statement_timeout", QUERY_TIMEOUT_MS, error))
        row = db_query(run->watch, run->options.throttle_query, DB_NONE, error);
    db_abort(run->watch);
    return row != NULL && judge(&run->options, row, reading, error);
}

/* In the order in which their reasons count. */
static const Gauge gauges[] = {
    {"pause", is_always_on, read_pause},
    {"pause file", has_pause_file, read_pause_file},
    {"lag of --standby", has_standby_limit, read_standby_lag},
    {"lag of standbys", has_lag_limit, read_primary_lag},
    {"WAL of slots", has_slot_limit, read_slots},
    {"throttle query", has_query, read_query},
    {"vacuum", minds_vacuum, read_vacuum},
};

G_STATIC_ASSERT(G_N_ELEMENTS(gauges) <= MOST_GAUGES);

/* What ends the run and is not a matter of the gauge. */
static gboolean
is_ours(const GError *why)
{
    return seam_error_is(why, SEAM_ERROR_LOST) || seam_error_is(why, SEAM_ERROR_CANCELLED) ||
           seam_error_is(why, SEAM_ERROR_FENCED);
}

static gboolean
read_one(Run *run, const Gauge *gauge, Reading *reading, GError **error)
{
    gint64 begun = g_get_monotonic_time();
    g_autoptr(GError) why = NULL;

    if (begun < reading->next)
        return TRUE;
    g_clear_pointer(&reading->reason, g_free);
    reading->is_slow = FALSE;
    if (gauge->is_on(&run->options) && !gauge->read(run, reading, &why)) {
        if (is_ours(why)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return FALSE;
        }
        g_free(reading->reason);
        reading->reason = g_strdup_printf("cannot read the %s: %s", gauge->name, why->message);
    }
    reading->next = g_get_monotonic_time() + MAX(INTERVAL_MS * 1000, SHARE * (g_get_monotonic_time() - begun));
    return TRUE;
}

gboolean
gauges_read(Run *run, Reading *readings, const char **ret_reason, gboolean *ret_is_slow, GError **error)
{
    *ret_reason = NULL;
    *ret_is_slow = FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(gauges); i++) {
        if (!read_one(run, &gauges[i], &readings[i], error))
            return FALSE;
        if (readings[i].reason == NULL || (*ret_reason != NULL && (!*ret_is_slow || readings[i].is_slow)))
            continue;
        *ret_reason = readings[i].reason;
        *ret_is_slow = readings[i].is_slow;
    }
    return TRUE;
}

gboolean
gauges_check(Run *run, GError **error)
{
    if (!standby_check(run, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(gauges); i++) {
        Reading reading = {NULL, FALSE, 0};
        gboolean ok = !gauges[i].is_on(&run->options) || gauges[i].read(run, &reading, error);

        g_free(reading.reason);
        if (ok)
            continue;
        if (error != NULL && !is_ours(*error)) {
            g_prefix_error(error, "cannot read the %s: ", gauges[i].name);
            seam_error_recode(error, SEAM_ERROR_REFUSED);
        }
        return FALSE;
    }
    return TRUE;
}

void
readings_clear(Reading *readings)
{
    for (guint i = 0; i < MOST_GAUGES; i++)
        g_clear_pointer(&readings[i].reason, g_free);
}
