#include "run/throttle.h"

#include <string.h>

#include "run/gauges.h"
#include "run/journal.h"
#include "run/progress.h"
#include "run/settings.h"
#include "run_queries.h"

#define WAIT_MS    200
#define REFRESH_US (200 * 1000)
#define RETELL_US  (1 * G_USEC_PER_SEC)
#define RESAY_US   (30 * G_USEC_PER_SEC)

struct Throttle {
    Reading readings[MOST_GAUGES];
    gboolean is_paused;
    char *mark;          /* of the settings that were read last */
    gint64 next_refresh; /* monotonic microseconds */
    char *told;          /* the reason in the journal, if it is ours */
    gint64 told_at;
    gint64 said_at;   /* on stderr, where the line of progress comes too seldom */
    GHashTable *said; /* formats of throttle_say_once() */
};

static Throttle *
throttle_of(Run *run)
{
    if (run->throttle == NULL) {
        run->throttle = g_new0(Throttle, 1);
        run->throttle->said = g_hash_table_new(g_direct_hash, g_direct_equal);
    }
    return run->throttle;
}

void
throttle_free(Throttle *throttle)
{
    if (throttle == NULL)
        return;
    readings_clear(throttle->readings);
    g_hash_table_unref(throttle->said);
    g_free(throttle->mark);
    g_free(throttle->told);
    g_free(throttle);
}

int
throttle_next_rows(int rows, double took_ms, double target_ms, int max_rows)
{
    double factor = target_ms / MAX(took_ms, 0.1);
    double next = rows * CLAMP(factor, 0.25, 1.5);

    return (int)CLAMP(next < rows || rows > 2 ? next : rows + 1, 1, max_rows);
}

int
throttle_back_off_rows(int rows)
{
    return MAX(1, rows / 2);
}

gboolean
throttle_check(Run *run, GError **error)
{
    return gauges_check(run, error);
}

void
throttle_say_once(Run *run, const char *format, ...)
{
    g_autofree char *line = NULL;
    va_list args;

    if (!g_hash_table_add(throttle_of(run)->said, (gpointer)format) || run->progress == NULL)
        return;
    va_start(args, format);
    line = g_strdup_vprintf(format, args);
    va_end(args);
    progress_say(run->progress, "note: %s", line);
}

gboolean
throttle_is_paused(const Run *run)
{
    return run->throttle != NULL && run->throttle->is_paused;
}

gboolean
throttle_refresh(Run *run, GError **error)
{
    Throttle *throttle = throttle_of(run);
    gint64 now = g_get_monotonic_time();
    g_autofree char *id = db_int_text(run->migration);
    g_autoptr(DbResult) row = NULL;

    if (now < throttle->next_refresh)
        return TRUE;
    row = db_query(run->control, QUERY_LIVE, DB_ARGS(id), error);
    if (row == NULL)
        return FALSE;
    throttle->next_refresh = now + REFRESH_US;
    throttle->is_paused = db_rows(row) == 1 && db_bool(row, 0, "is_paused");
    if (db_rows(row) != 1 || g_strcmp0(throttle->mark, db_text(row, 0, "mark")) == 0)
        return TRUE;
    if (!settings_load(run->control, run->migration, FALSE, &run->options, error))
        return FALSE;
    g_free(throttle->mark);
    throttle->mark = g_strdup(db_text(row, 0, "mark"));
    for (guint i = 0; i < MOST_GAUGES; i++)
        throttle->readings[i].next = 0;
    return TRUE;
}

/* In the journal for `status`; a reason whose figures move is written anew now and then. */
static gboolean
tell(Run *run, const char *reason, GError **error)
{
    Throttle *throttle = run->throttle;
    gint64 now = g_get_monotonic_time();

    if (g_strcmp0(reason, throttle->told) == 0 ||
        (reason != NULL && throttle->told != NULL && now - throttle->told_at < RETELL_US))
        return TRUE;
    if (reason != NULL && (throttle->said_at == 0 || now - throttle->said_at > RESAY_US)) {
        throttle->said_at = now;
        progress_say(run->progress, "  %s", reason);
    }
    g_free(throttle->told);
    throttle->told = g_strdup(reason);
    throttle->told_at = now;
    return journal_set_reason(run->control, run->migration, reason, error);
}

gboolean
throttle_wait(Run *run, double batch_ms, double done, GError **error)
{
    Throttle *throttle = throttle_of(run);
    double rest_ms = batch_ms * (100 - run->options.load_percent) / run->options.load_percent;

    for (;;) {
        const char *reason = NULL;
        gboolean is_slow = FALSE;

        if (rest_ms >= 1 && !run_sleep(run, (int)rest_ms, error))
            return FALSE;
        if (!run_tick(run, error) || !throttle_refresh(run, error) ||
            !gauges_read(run, throttle->readings, &reason, &is_slow, error))
            return FALSE;
        progress_at(run->progress, done, reason);
        if (!tell(run, reason, error))
            return FALSE;
        if (is_slow)
            return run_sleep(run, (int)(batch_ms * 100 / run->options.load_percent), error);
        if (reason == NULL)
            return TRUE;
        rest_ms = WAIT_MS;
    }
}

gboolean
throttle_end(Run *run, GError **error)
{
    throttle_of(run);
    return tell(run, NULL, error);
}
