#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/rollout_check.h"
#include "run/cancel.h"

#define DEFAULT_ROWS       1000
#define DEFAULT_TIMEOUT_MS 10000
#define SLEEP_MS           100
#define TICK_MS            100

RolloutGiven rollout_given;

/* *ret stays where nothing was given. */
static gboolean
read_percent(const char *option, const char *text, int *ret, GError **error)
{
    if (text == NULL || rollout_parse_percent(text, ret))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_USAGE, "%s takes a number from 0 to 100 with at most two decimals, not \"%s\"",
                   option, text);
    return FALSE;
}

static gboolean
read_time(const char *option, const char *text, gint64 *ret_ms, GError **error)
{
    if (text == NULL || (units_parse_ms(text, 1000, ret_ms) && *ret_ms > 0 && *ret_ms <= G_MAXINT))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_USAGE, "%s takes a time such as 500ms, 10s, 5min or 1h, not \"%s\"", option, text);
    return FALSE;
}

/* "1000" rows or "2.5%" of them. */
static gboolean
read_sample(const char *text, RolloutSampling *ret, GError **error)
{
    g_autofree char *number = text != NULL ? g_strdup(text) : NULL;
    char *end = NULL;

    if (text == NULL)
        return TRUE;
    if (g_str_has_suffix(text, "%")) {
        ret->rows = 0;
        number[strlen(number) - 1] = '\0';
        if (rollout_parse_percent(number, &ret->percent) && ret->percent > 0)
            return TRUE;
    } else {
        ret->rows = g_ascii_strtoll(text, &end, 10);
        if (g_ascii_isdigit(text[0]) && *end == '\0' && ret->rows >= 1 && ret->rows <= ROLLOUT_MAX_ROWS)
            return TRUE;
    }
    seam_error_set(error, SEAM_ERROR_USAGE,
                   "--sample takes a number of rows (1 to %d) or a percentage (\"5%%\"), not \"%s\"", ROLLOUT_MAX_ROWS,
                   text);
    return FALSE;
}

gboolean
rollout_run_compare(const RolloutRequest *request, GError **error)
{
    RolloutPairChange change = {rollout_given.migration, rollout_given.old_query, rollout_given.new_query, -1,
                                rollout_given.at_least};
    gboolean has_queries = change.old_query != NULL || change.new_query != NULL;

    if (has_queries && (change.old_query == NULL || change.new_query == NULL || change.migration != NULL)) {
        seam_error_set(error, SEAM_ERROR_USAGE, "compare takes --migration, or both of --old and --new");
        return FALSE;
    }
    if (!has_queries && change.migration == NULL && rollout_given.threshold == NULL && change.at_least == 0) {
        seam_error_set(error, SEAM_ERROR_USAGE,
                       "compare needs to know what: --migration, or --old and --new, or how much "
                       "may differ: --threshold, --at-least");
        return FALSE;
    }
    if (change.at_least < 0) {
        seam_error_set(error, SEAM_ERROR_USAGE, "--at-least takes a number from 1 on");
        return FALSE;
    }
    return read_percent("--threshold", rollout_given.threshold, &change.threshold, error) &&
           rollout_pair_set(request->conn, request->name, &change, error);
}

/* How often and for how long. */
typedef struct Rhythm {
    gint64 every_ms; /* 0: once */
    gint64 for_ms;
} Rhythm;

static gboolean
read_check(RolloutSampling *sampling, Rhythm *rhythm, GError **error)
{
    gint64 timeout = DEFAULT_TIMEOUT_MS;

    *sampling = (RolloutSampling){.rows = DEFAULT_ROWS, .threshold = -1, .never_freezes = rollout_given.never_freezes};
    *rhythm = (Rhythm){0, 0};
    if (!read_percent("--threshold", rollout_given.threshold, &sampling->threshold, error) ||
        !read_sample(rollout_given.sample, sampling, error) ||
        !read_time("--timeout", rollout_given.timeout, &timeout, error) ||
        !read_time("--every", rollout_given.every, &rhythm->every_ms, error) ||
        !read_time("--for", rollout_given.for_time, &rhythm->for_ms, error))
        return FALSE;
    sampling->timeout_ms = (int)timeout;
    if ((rhythm->every_ms > 0) == (rhythm->for_ms > 0))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_USAGE, "--every and --for go together: how often, and for how long");
    return FALSE;
}

static gboolean
tick(gpointer data, GError **error)
{
    return cancel_check(error);
}

static gboolean
sleep_until(gint64 until_us, GError **error)
{
    for (gint64 left = until_us - g_get_monotonic_time(); left > 0; left = until_us - g_get_monotonic_time()) {
        if (!cancel_check(error))
            return FALSE;
        g_usleep((gulong)MIN(left, SLEEP_MS * 1000));
    }
    return cancel_check(error);
}

static void
free_sample(gpointer sample)
{
    rollout_figures_free(sample);
}

/* Samples until the time is over or one of them freezes the rollout; those that were taken stay in the list, also
 * before an error. */
static gboolean
take_samples(const RolloutRequest *request, GPtrArray *samples, GError **error)
{
    gint64 begun = g_get_monotonic_time();
    RolloutSampling sampling;
    Rhythm rhythm;

    if (!read_check(&sampling, &rhythm, error))
        return FALSE;
    db_on_wait(request->conn, TICK_MS, tick, NULL);
    for (gint64 n = 1;; n++) {
        RolloutFigures *sample = rollout_check(request->conn, request->name, &sampling, error);
        g_autofree char *text = NULL;

        if (sample == NULL)
            return FALSE;
        g_ptr_array_add(samples, sample);
        text = rollout_sample_to_text(sample);
        if (!request->common->is_json)
            command_print(text);
        if (sample->is_frozen || n * rhythm.every_ms >= rhythm.for_ms)
            return TRUE;
        if (!sleep_until(begun + n * rhythm.every_ms * 1000, error))
            return FALSE;
    }
}

static gboolean
set_verdict(const char *name, const GPtrArray *samples, GError **error)
{
    guint over = 0;
    gint64 errors = 0;
    gboolean is_frozen = FALSE;

    for (guint i = 0; i < samples->len; i++) {
        const RolloutFigures *sample = g_ptr_array_index(samples, i);

        over += sample->is_over ? 1 : 0;
        errors += sample->errors;
        is_frozen = is_frozen || sample->is_frozen;
    }
    if (over > 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "%u of %u samples of rollout %s differ by more than the threshold%s",
                       over, samples->len, name, is_frozen ? ": it is frozen" : "");
        seam_error_hint(error, is_frozen ? "when the reason is gone: `pgseam rollout unfreeze`"
                                         : "`pgseam rollout freeze` answers old at once");
        return FALSE;
    }
    if (errors == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED, "rows could not be compared: %" G_GINT64_FORMAT " errors", errors);
    return FALSE;
}

static gboolean
print_document(const RolloutRequest *request, const GPtrArray *samples, GError **error)
{
    g_autoptr(RolloutHealth) health = rollout_health(request->conn, request->name, error);
    g_autofree char *text = health != NULL ? rollout_check_to_json(request->name, samples, health) : NULL;

    if (text != NULL)
        command_print_document(text);
    return text != NULL;
}

gboolean
rollout_run_check(const RolloutRequest *request, GError **error)
{
    g_autoptr(GPtrArray) samples = g_ptr_array_new_with_free_func(free_sample);

    return take_samples(request, samples, error) &&
           (!request->common->is_json || print_document(request, samples, error)) &&
           set_verdict(request->name, samples, error);
}
