#include "run/throttle.h"

#include "run/journal.h"
#include "run/progress.h"
#include "run_queries.h"

#define WAIT_MS 200

typedef gboolean (*Gauge)(Run *run, char **ret_reason, GError **error);

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

static gboolean
gauge_pause(Run *run, char **ret_reason, GError **error)
{
    gboolean is_paused = FALSE;

    if (!journal_is_paused(run->control, run->migration, &is_paused, error))
        return FALSE;
    if (is_paused)
        *ret_reason = g_strdup("paused by an operator");
    return TRUE;
}

static gboolean
gauge_lag(Run *run, char **ret_reason, GError **error)
{
    g_autoptr(DbResult) row = NULL;

    if (run->options.max_lag_bytes == 0)
        return TRUE;
    row = db_query(run->control, QUERY_LAG, DB_NONE, error);
    if (row == NULL)
        return FALSE;
    if (db_int(row, 0, "bytes") > run->options.max_lag_bytes)
        *ret_reason =
            g_strdup_printf("a standby is %" G_GINT64_FORMAT " MB behind", db_int(row, 0, "bytes") / 1024 / 1024);
    return TRUE;
}

static const Gauge gauges[] = {gauge_pause, gauge_lag};

/* The first gauge that says wait; NULL if none does. */
static gboolean
read_gauges(Run *run, char **ret_reason, GError **error)
{
    *ret_reason = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(gauges) && *ret_reason == NULL; i++) {
        if (!gauges[i](run, ret_reason, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
throttle_wait(Run *run, double batch_ms, double done, GError **error)
{
    double rest_ms = batch_ms * (100 - run->options.load_percent) / run->options.load_percent;
    gboolean is_told = FALSE;

    if (rest_ms >= 1 && !run_sleep(run, (int)rest_ms, error))
        return FALSE;
    for (;;) {
        g_autofree char *reason = NULL;

        if (!run_tick(run, error) || !read_gauges(run, &reason, error))
            return FALSE;
        progress_at(run->progress, done, reason);
        if (reason == NULL)
            return !is_told || journal_set_reason(run->control, run->migration, NULL, error);
        if (!is_told && !journal_set_reason(run->control, run->migration, reason, error))
            return FALSE;
        is_told = TRUE;
        if (!run_sleep(run, WAIT_MS, error))
            return FALSE;
    }
}
