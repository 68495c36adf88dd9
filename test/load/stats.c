#include "stats.h"

#include <string.h>

/* 0.1 ms a bucket up to 5 s; whatever is slower counts as the slowest seen. */
#define BUCKETS          50000
#define BUCKET_MICROS    100
#define ERROR_SAMPLES    50
#define MISMATCH_SAMPLES 20
#define SLOWEST          10

typedef struct {
    guint32 buckets[BUCKETS + 1];
    gint64 count;
    gint64 max;
} Histogram;

typedef struct {
    gint64 at;
    gint64 micros;
    char *statement;
    char *client;
} Slow;

typedef struct {
    gint64 at;
    char sqlstate[6];
    char *message;
    char *statement;
    char *client;
} Error;

struct Stats {
    GMutex lock;
    gint64 started;
    gint64 transactions;
    gint64 errors;
    gint64 mismatches;
    gint64 plans_changed;
    Histogram latency[VERSIONS];
    GHashTable *by_sqlstate;
    GPtrArray *error_samples;
    GPtrArray *mismatch_samples;
    Slow slowest[SLOWEST];
};

static void
error_free(gpointer data)
{
    Error *error = data;

    g_free(error->message);
    g_free(error->statement);
    g_free(error->client);
    g_free(error);
}

const char *
version_name(Version version)
{
    return version == VERSION_OLD ? "old" : "new";
}

Stats *
stats_new(void)
{
    Stats *stats = g_new0(Stats, 1);

    g_mutex_init(&stats->lock);
    stats->started = g_get_monotonic_time();
    stats->by_sqlstate = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    stats->error_samples = g_ptr_array_new_with_free_func(error_free);
    stats->mismatch_samples = g_ptr_array_new_with_free_func(g_free);
    return stats;
}

void
stats_free(Stats *stats)
{
    for (int n = 0; n < SLOWEST; n++) {
        g_free(stats->slowest[n].statement);
        g_free(stats->slowest[n].client);
    }
    g_hash_table_destroy(stats->by_sqlstate);
    g_ptr_array_unref(stats->error_samples);
    g_ptr_array_unref(stats->mismatch_samples);
    g_mutex_clear(&stats->lock);
    g_free(stats);
}

static void
note_slow(Stats *stats, const char *client, const char *statement, gint64 micros)
{
    int at = SLOWEST - 1;
    Slow last;

    if (micros <= stats->slowest[at].micros)
        return;
    last = stats->slowest[at];
    for (; at > 0 && stats->slowest[at - 1].micros < micros; at--)
        stats->slowest[at] = stats->slowest[at - 1];
    g_free(last.statement);
    g_free(last.client);
    stats->slowest[at] = (Slow){g_get_monotonic_time() - stats->started, micros, g_strdup(statement), g_strdup(client)};
}

void
stats_statement(Stats *stats, Version version, const char *client, const char *statement, gint64 micros)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&stats->lock);
    Histogram *histogram = &stats->latency[version];

    histogram->buckets[MIN(micros / BUCKET_MICROS, BUCKETS)]++;
    histogram->count++;
    histogram->max = MAX(histogram->max, micros);
    note_slow(stats, client, statement, micros);
}

void
stats_transaction(Stats *stats)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&stats->lock);

    stats->transactions++;
}

void
stats_error(Stats *stats, const char *client, const char *sqlstate, const char *message, const char *statement)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&stats->lock);
    const char *code = sqlstate != NULL ? sqlstate : "08006";
    gint64 *count = g_hash_table_lookup(stats->by_sqlstate, code);
    Error *sample = NULL;

    stats->errors++;
    if (count == NULL) {
        count = g_new0(gint64, 1);
        g_hash_table_insert(stats->by_sqlstate, g_strdup(code), count);
    }
    ++*count;
    if (stats->error_samples->len >= ERROR_SAMPLES)
        return;
    sample = g_new0(Error, 1);
    sample->at = g_get_monotonic_time() - stats->started;
    g_strlcpy(sample->sqlstate, code, sizeof sample->sqlstate);
    sample->message = g_strchomp(g_strdup(message));
    sample->statement = g_strdup(statement);
    sample->client = g_strdup(client);
    g_ptr_array_add(stats->error_samples, sample);
}

void
stats_plan_changed(Stats *stats)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&stats->lock);

    stats->plans_changed++;
}

void
stats_mismatch(Stats *stats, const char *format, ...)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&stats->lock);
    va_list arguments;

    stats->mismatches++;
    if (stats->mismatch_samples->len >= MISMATCH_SAMPLES)
        return;
    va_start(arguments, format);
    g_ptr_array_add(stats->mismatch_samples, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

gint64
stats_mismatches(Stats *stats, GPtrArray *samples)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&stats->lock);

    for (guint n = 0; n < stats->mismatch_samples->len; n++)
        g_ptr_array_add(samples, g_strdup(g_ptr_array_index(stats->mismatch_samples, n)));
    return stats->mismatches;
}

static double
percentile(const Histogram *histogram, double part)
{
    gint64 seen = 0;

    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if ((double)seen >= part * (double)histogram->count && seen > 0)
            return (double)MIN((gint64)(bucket + 1) * BUCKET_MICROS, histogram->max) / 1000.0;
    }
    return (double)histogram->max / 1000.0;
}

static void
add_double(JsonBuilder *json, const char *name, double value)
{
    json_builder_set_member_name(json, name);
    json_builder_add_double_value(json, value);
}

static void
add_int(JsonBuilder *json, const char *name, gint64 value)
{
    json_builder_set_member_name(json, name);
    json_builder_add_int_value(json, value);
}

static void
add_string(JsonBuilder *json, const char *name, const char *value)
{
    json_builder_set_member_name(json, name);
    json_builder_add_string_value(json, value);
}

static void
write_histogram(const Histogram *histogram, JsonBuilder *json, const char *name)
{
    json_builder_set_member_name(json, name);
    json_builder_begin_object(json);
    add_int(json, "count", histogram->count);
    add_double(json, "p50", percentile(histogram, 0.50));
    add_double(json, "p95", percentile(histogram, 0.95));
    add_double(json, "p99", percentile(histogram, 0.99));
    add_double(json, "max", (double)histogram->max / 1000.0);
    json_builder_end_object(json);
}

static void
write_errors(Stats *stats, JsonBuilder *json)
{
    GHashTableIter iter;
    const char *sqlstate = NULL;
    const gint64 *count = NULL;

    add_int(json, "errors", stats->errors);
    json_builder_set_member_name(json, "errors_by_sqlstate");
    json_builder_begin_object(json);
    g_hash_table_iter_init(&iter, stats->by_sqlstate);
    while (g_hash_table_iter_next(&iter, (gpointer *)&sqlstate, (gpointer *)&count))
        add_int(json, sqlstate, *count);
    json_builder_end_object(json);
    json_builder_set_member_name(json, "error_samples");
    json_builder_begin_array(json);
    for (guint n = 0; n < stats->error_samples->len; n++) {
        const Error *sample = g_ptr_array_index(stats->error_samples, n);
        json_builder_begin_object(json);
        add_string(json, "sqlstate", sample->sqlstate);
        add_string(json, "message", sample->message);
        add_string(json, "statement", sample->statement);
        add_string(json, "client", sample->client);
        add_double(json, "at", (double)sample->at / 1e6);
        json_builder_end_object(json);
    }
    json_builder_end_array(json);
}

static void
write_slowest(const Stats *stats, JsonBuilder *json)
{
    json_builder_set_member_name(json, "slowest");
    json_builder_begin_array(json);
    for (int n = 0; n < SLOWEST && stats->slowest[n].statement != NULL; n++) {
        json_builder_begin_object(json);
        add_double(json, "ms", (double)stats->slowest[n].micros / 1000.0);
        add_string(json, "statement", stats->slowest[n].statement);
        add_string(json, "client", stats->slowest[n].client);
        add_double(json, "at", (double)stats->slowest[n].at / 1e6);
        json_builder_end_object(json);
    }
    json_builder_end_array(json);
}

void
stats_write(Stats *stats, JsonBuilder *json)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&stats->lock);
    g_autofree Histogram *all = g_memdup2(&stats->latency[VERSION_OLD], sizeof *all);
    const Histogram *other = &stats->latency[VERSION_NEW];
    double seconds = (double)(g_get_monotonic_time() - stats->started) / 1e6;

    for (int bucket = 0; bucket <= BUCKETS; bucket++)
        all->buckets[bucket] += other->buckets[bucket];
    all->count += other->count;
    all->max = MAX(all->max, other->max);
    add_int(json, "statements", all->count);
    add_int(json, "transactions", stats->transactions);
    add_double(json, "seconds", seconds);
    add_double(json, "rate", (double)all->count / seconds);
    write_errors(stats, json);
    add_int(json, "plans_changed", stats->plans_changed);
    write_histogram(all, json, "latency_ms");
    json_builder_set_member_name(json, "latency_by_version");
    json_builder_begin_object(json);
    for (int version = 0; version < VERSIONS; version++)
        write_histogram(&stats->latency[version], json, version_name(version));
    json_builder_end_object(json);
    write_slowest(stats, json);
}
