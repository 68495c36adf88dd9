#include "monitor.h"

#include "shop.h"

#include <string.h>

#define INTERVAL_MICROS 10000
#define SAMPLES         30
#define LEVELS          3

static const int levels[LEVELS] = {100, 250, 350};

/* Nothing but the cheap look at pg_stat_activity is done while nobody of the shop waits. */
static const char look[] =
    "WITH a AS MATERIALIZED (SELECT pid, coalesce(nullif(application_name, ''), backend_type) AS application_name,"
    " wait_event_type, left(query, 300) AS query FROM pg_stat_activity)"
    " SELECT a.pid, a.application_name, a.query,"
    " CASE WHEN a.wait_event_type = 'Lock' THEN array_to_string(pg_blocking_pids(a.pid), ' ') END,"
    " CASE WHEN a.wait_event_type = 'Lock' THEN (SELECT extract(epoch FROM clock_timestamp() - min(l.waitstart))"
    " * 1000 FROM pg_locks l WHERE l.pid = a.pid AND NOT l.granted) END"
    " FROM a WHERE EXISTS (SELECT FROM a w WHERE w.wait_event_type = 'Lock' AND w.application_name LIKE 'shop %')";

typedef struct {
    double ms;
    double pgseam_ms;
    double at;
    char *client;
    char *query;
    char *blocker;
    char *blocker_query;
} Sample;

/* A wait that is going on. */
typedef struct {
    gint64 begun;
    double ms;
    double before_pgseam;
    gboolean behind_pgseam;
    int level;
    Sample *sample;
    gboolean seen;
} Wait;

/* A session in one look; the texts belong to the result of the look. */
typedef struct {
    int pid;
    const char *name;
    const char *query;
    const char *blockers;
    gboolean visited;
} Backend;

struct Monitor {
    const char *conninfo;
    GThread *thread;
    GMutex lock;
    gint stop;
    gint64 started;
    gint64 looks;
    double max_ms;
    double max_pgseam_ms;
    gint64 over[LEVELS];
    gint64 over_pgseam[LEVELS];
    GHashTable *waits;
    GPtrArray *samples;
};

static void
sample_free(gpointer data)
{
    Sample *sample = data;

    g_free(sample->client);
    g_free(sample->query);
    g_free(sample->blocker);
    g_free(sample->blocker_query);
    g_free(sample);
}

/* Follows the queue from one waiting session: the first blocker, or a pgseam one wherever it stands. */
static const Backend *
find_blocker(GHashTable *backends, Backend *waiting)
{
    g_auto(GStrv) pids = g_strsplit(waiting->blockers != NULL ? waiting->blockers : "", " ", -1);
    const Backend *found = NULL;

    waiting->visited = TRUE;
    for (int n = 0; pids[n] != NULL; n++) {
        Backend *blocker = g_hash_table_lookup(backends, GINT_TO_POINTER((int)g_ascii_strtoll(pids[n], NULL, 10)));
        const Backend *behind = NULL;
        if (blocker == NULL || blocker->visited)
            continue;
        if (g_str_has_prefix(blocker->name, "pgseam/"))
            return blocker;
        behind = find_blocker(backends, blocker);
        if (behind != NULL && g_str_has_prefix(behind->name, "pgseam/"))
            return behind;
        if (found == NULL)
            found = blocker;
    }
    return found;
}

static void
update_sample(Monitor *monitor, Wait *wait, const Backend *waiting, const Backend *blocker)
{
    Sample *sample = wait->sample;
    gboolean pgseam = blocker != NULL && g_str_has_prefix(blocker->name, "pgseam/");

    if (sample == NULL) {
        /* Waits behind pgseam are what one looks for, so the others leave room for them. */
        if (monitor->samples->len >= (pgseam ? SAMPLES : SAMPLES / 2))
            return;
        sample = g_new0(Sample, 1);
        sample->at = (double)(g_get_monotonic_time() - monitor->started) / 1e6;
        sample->client = g_strdup(waiting->name);
        sample->query = g_strdup(waiting->query);
        g_ptr_array_add(monitor->samples, sample);
        wait->sample = sample;
    }
    sample->ms = wait->ms;
    if (wait->behind_pgseam)
        sample->pgseam_ms = wait->ms - wait->before_pgseam;
    if (blocker != NULL && (sample->blocker == NULL || pgseam)) {
        g_free(sample->blocker);
        g_free(sample->blocker_query);
        sample->blocker = g_strdup(blocker->name);
        sample->blocker_query = g_strdup(blocker->query);
    }
}

/* Time spent before pgseam came into the queue is not its fault; with a queue it heads, all of it is. */
static void
follow(Monitor *monitor, Wait *wait, double ms, const Backend *waiting, const Backend *blocker)
{
    gboolean pgseam = blocker != NULL && g_str_has_prefix(blocker->name, "pgseam/");
    double last = wait->ms;

    if (pgseam && !wait->behind_pgseam)
        wait->before_pgseam = last;
    wait->behind_pgseam = pgseam;
    wait->ms = ms;
    monitor->max_ms = MAX(monitor->max_ms, ms);
    for (; wait->level < LEVELS && ms > levels[wait->level]; wait->level++) {
        monitor->over[wait->level]++;
        if (pgseam)
            monitor->over_pgseam[wait->level]++;
    }
    if (pgseam)
        monitor->max_pgseam_ms = MAX(monitor->max_pgseam_ms, ms - wait->before_pgseam);
    if (wait->level > 0)
        update_sample(monitor, wait, waiting, blocker);
}

static void
note_wait(Monitor *monitor, GHashTable *backends, Backend *waiting, const char *milliseconds)
{
    gint64 now = g_get_monotonic_time();
    Wait *wait = g_hash_table_lookup(monitor->waits, GINT_TO_POINTER(waiting->pid));
    GHashTableIter iter;
    Backend *backend = NULL;
    double ms = 0;

    /* waitstart is set a moment after the wait begins; until then our own clock serves. */
    if (milliseconds != NULL && *milliseconds != '\0')
        ms = MAX(g_ascii_strtod(milliseconds, NULL), 0);
    else if (wait != NULL)
        ms = (double)(now - wait->begun) / 1000.0;
    if (wait != NULL && ms + INTERVAL_MICROS / 2000.0 < wait->ms) {
        g_hash_table_remove(monitor->waits, GINT_TO_POINTER(waiting->pid));
        wait = NULL;
    }
    if (wait == NULL) {
        wait = g_new0(Wait, 1);
        wait->begun = now - (gint64)(ms * 1000);
        g_hash_table_insert(monitor->waits, GINT_TO_POINTER(waiting->pid), wait);
    }
    wait->seen = TRUE;
    g_hash_table_iter_init(&iter, backends);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&backend))
        backend->visited = FALSE;
    follow(monitor, wait, ms, waiting, find_blocker(backends, waiting));
}

static gboolean
forget_unseen(gpointer pid, gpointer data, gpointer unused)
{
    Wait *wait = data;
    gboolean seen = wait->seen;

    (void)pid;
    (void)unused;
    wait->seen = FALSE;
    return !seen;
}

static void
digest(Monitor *monitor, const PGresult *result)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&monitor->lock);
    g_autoptr(GHashTable) backends = g_hash_table_new_full(NULL, NULL, NULL, g_free);

    monitor->looks++;
    for (int n = 0; n < PQntuples(result); n++) {
        Backend *backend = g_new0(Backend, 1);
        backend->pid = (int)g_ascii_strtoll(PQgetvalue(result, n, 0), NULL, 10);
        backend->name = PQgetvalue(result, n, 1);
        backend->query = PQgetvalue(result, n, 2);
        backend->blockers = PQgetisnull(result, n, 3) ? NULL : PQgetvalue(result, n, 3);
        g_hash_table_insert(backends, GINT_TO_POINTER(backend->pid), backend);
    }
    for (int n = 0; n < PQntuples(result); n++) {
        int pid = (int)g_ascii_strtoll(PQgetvalue(result, n, 0), NULL, 10);
        Backend *backend = g_hash_table_lookup(backends, GINT_TO_POINTER(pid));
        /* No blockers: it got its lock between the two looks inside the query. */
        if (backend->blockers != NULL && *backend->blockers != '\0' && g_str_has_prefix(backend->name, "shop "))
            note_wait(monitor, backends, backend, PQgetvalue(result, n, 4));
    }
    g_hash_table_foreach_remove(monitor->waits, forget_unseen, NULL);
}

static gpointer
monitor_main(gpointer data)
{
    Monitor *monitor = data;
    PGconn *conn = NULL;

    while (!g_atomic_int_get(&monitor->stop)) {
        gint64 begun = g_get_monotonic_time();
        gint64 left = 0;
        if (conn == NULL)
            conn = shop_connect(monitor->conninfo, "pgseam-load monitor", NULL);
        if (conn != NULL) {
            g_autoptr(PGresult) result = PQexec(conn, look);
            if (PQresultStatus(result) == PGRES_TUPLES_OK)
                digest(monitor, result);
            else
                g_clear_pointer(&conn, PQfinish);
        }
        left = INTERVAL_MICROS - (g_get_monotonic_time() - begun);
        g_usleep((gulong)MAX(left, 1000));
    }
    g_clear_pointer(&conn, PQfinish);
    return NULL;
}

Monitor *
monitor_new(const char *conninfo)
{
    Monitor *monitor = g_new0(Monitor, 1);

    monitor->conninfo = conninfo;
    monitor->started = g_get_monotonic_time();
    g_mutex_init(&monitor->lock);
    monitor->waits = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    monitor->samples = g_ptr_array_new_with_free_func(sample_free);
    monitor->thread = g_thread_new("monitor", monitor_main, monitor);
    return monitor;
}

void
monitor_free(Monitor *monitor)
{
    g_atomic_int_set(&monitor->stop, TRUE);
    g_thread_join(monitor->thread);
    g_hash_table_destroy(monitor->waits);
    g_ptr_array_unref(monitor->samples);
    g_mutex_clear(&monitor->lock);
    g_free(monitor);
}

static void
write_levels(JsonBuilder *json, const char *name, const gint64 *counts)
{
    json_builder_set_member_name(json, name);
    json_builder_begin_object(json);
    for (int level = 0; level < LEVELS; level++) {
        g_autofree char *member = g_strdup_printf("over_%d", levels[level]);
        json_builder_set_member_name(json, member);
        json_builder_add_int_value(json, counts[level]);
    }
    json_builder_end_object(json);
}

static void
write_sample(JsonBuilder *json, const Sample *sample)
{
    const char *const names[] = {"client", "query", "blocker", "blocker_query"};
    const char *const values[] = {sample->client, sample->query, sample->blocker, sample->blocker_query};

    json_builder_begin_object(json);
    json_builder_set_member_name(json, "ms");
    json_builder_add_double_value(json, sample->ms);
    json_builder_set_member_name(json, "pgseam_ms");
    json_builder_add_double_value(json, sample->pgseam_ms);
    json_builder_set_member_name(json, "at");
    json_builder_add_double_value(json, sample->at);
    for (guint n = 0; n < G_N_ELEMENTS(names); n++) {
        json_builder_set_member_name(json, names[n]);
        json_builder_add_string_value(json, values[n] != NULL ? values[n] : "");
    }
    json_builder_end_object(json);
}

void
monitor_write(Monitor *monitor, JsonBuilder *json)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&monitor->lock);

    json_builder_set_member_name(json, "monitor_looks");
    json_builder_add_int_value(json, monitor->looks);
    json_builder_set_member_name(json, "lock_wait_max_ms");
    json_builder_add_double_value(json, monitor->max_ms);
    json_builder_set_member_name(json, "lock_wait_max_pgseam_ms");
    json_builder_add_double_value(json, monitor->max_pgseam_ms);
    write_levels(json, "lock_waits", monitor->over);
    write_levels(json, "lock_waits_pgseam", monitor->over_pgseam);
    json_builder_set_member_name(json, "lock_wait_samples");
    json_builder_begin_array(json);
    for (guint n = 0; n < monitor->samples->len; n++)
        write_sample(json, g_ptr_array_index(monitor->samples, n));
    json_builder_end_array(json);
}
