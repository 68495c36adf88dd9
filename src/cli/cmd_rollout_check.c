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

/* What came of a run. */
typedef struct Taken {
    GPtrArray *samples; /* RolloutFigures */
    guint missed;
} Taken;

static gboolean
take_sample(const RolloutRequest *request, const RolloutSampling *sampling, Taken *taken, GError **error)
{
    RolloutFigures *sample = rollout_check(request->conn, request->name, sampling, error);
    g_autofree char *text = sample != NULL ? rollout_sample_to_text(sample) : NULL;

    if (sample == NULL)
        return FALSE;
    g_ptr_array_add(taken->samples, sample);
    if (!request->common->is_json)
        command_print(text);
    return TRUE;
}

/* A watch goes on after a sample that could not be taken in time. */
static gboolean
take_or_miss(const RolloutRequest *request, const RolloutSampling *sampling, Taken *taken, GError **error)
{
    GError *why = NULL;

    if (take_sample(request, sampling, taken, &why))
        return TRUE;
    if (!rollout_check_may_go_on(why)) {
        g_propagate_error(error, why);
        return FALSE;
    }
    g_printerr("a sample is missing: %s\n", why->message);
    g_error_free(why);
    taken->missed++;
    return TRUE;
}

static gboolean
is_frozen_by(const Taken *taken)
{
    guint n = taken->samples->len;

    return n > 0 && ((const RolloutFigures *)g_ptr_array_index(taken->samples, n - 1))->is_frozen;
}

/* Samples until the time is over or one of them freezes the rollout. */
static gboolean
take_samples(const RolloutRequest *request, Taken *taken, GError **error)
{
    gint64 begun = g_get_monotonic_time();
    RolloutSampling sampling;
    Rhythm rhythm;

    if (!read_check(&sampling, &rhythm, error))
        return FALSE;
    db_on_wait(request->conn, TICK_MS, tick, NULL);
    if (rhythm.every_ms == 0)
        return take_sample(request, &sampling, taken, error);
    for (gint64 next = begun; next - begun < rhythm.for_ms * 1000;) {
        if (!sleep_until(next, error) || !take_or_miss(request, &sampling, taken, error))
            return FALSE;
        if (is_frozen_by(taken))
            return TRUE;
        next = MAX(next + rhythm.every_ms * 1000, g_get_monotonic_time());
    }
    return TRUE;
}

static gboolean
set_over(const char *name, const Taken *taken, guint over, gboolean is_frozen, GError **error)
{
    seam_error_set(error, SEAM_ERROR_REFUSED, "%u of %u samples of rollout %s differ by more than the threshold%s",
                   over, taken->samples->len, name, is_frozen ? ": it is frozen" : "");
    seam_error_hint(error, is_frozen ? "when the reason is gone: `pgseam rollout unfreeze`"
                                     : "`pgseam rollout freeze` answers old at once");
    return FALSE;
}

static gboolean
set_verdict(const char *name, const Taken *taken, GError **error)
{
    guint over = 0;
    gint64 errors = 0;

    for (guint i = 0; i < taken->samples->len; i++) {
        const RolloutFigures *sample = g_ptr_array_index(taken->samples, i);

        over += sample->is_over ? 1 : 0;
        errors += sample->errors;
    }
    if (over > 0)
        return set_over(name, taken, over, is_frozen_by(taken), error);
    if (errors == 0 && taken->missed == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FAILED,
                   "not all was compared: %" G_GINT64_FORMAT " rows with errors, %u samples missing", errors,
                   taken->missed);
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
    Taken taken = {samples, 0};

    return take_samples(request, &taken, error) &&
           (!request->common->is_json || print_document(request, samples, error)) &&
           set_verdict(request->name, &taken, error);
}
