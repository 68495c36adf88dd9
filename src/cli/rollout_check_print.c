#include <string.h>

#include "base/document.h"
#include "cli/rollout_check.h"

#define MOST_REPORTED 3 /* of those that JSON has */

/* "99.98 % consistent", or that there was nothing to compare. */
static void
add_rate(GString *out, const RolloutFigures *figures)
{
    double rate = rollout_consistency(figures->compared, figures->mismatches);

    if (rate < 0)
        g_string_append(out, "nothing compared, so the rate is unknown");
    else
        g_string_append_printf(out, "%.10g %% consistent", rate);
}

/* "1000 rows compared, 3 mismatches, 0 errors: 99.7 % consistent" */
static void
add_figures(GString *out, const RolloutFigures *figures)
{
    g_string_append_printf(
        out, "%" G_GINT64_FORMAT " compared, %" G_GINT64_FORMAT " mismatches, %" G_GINT64_FORMAT " errors: ",
        figures->compared, figures->mismatches, figures->errors);
    add_rate(out, figures);
}

char *
rollout_sample_to_text(const RolloutFigures *sample)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "%s  %s: ", sample->at, sample->stage);
    add_figures(out, sample);
    g_string_append_printf(out, " (%" G_GINT64_FORMAT " ms)%s%s\n", sample->took_ms,
                           sample->is_over ? ", over the threshold" : "", sample->is_frozen ? ", FROZEN" : "");
    for (guint i = 0; i < sample->differences->len; i++) {
        const RolloutDifference *difference = g_ptr_array_index(sample->differences, i);

        g_string_append_printf(out, "  key %s%s%s: old %s, new %s\n", difference->key,
                               difference->columns != NULL ? " " : "",
                               difference->columns != NULL ? difference->columns : "",
                               difference->old_side != NULL ? difference->old_side : "is missing",
                               difference->new_side != NULL ? difference->new_side : "is missing");
    }
    if (sample->is_cut)
        g_string_append_printf(out, "  fewer rows than asked for: at most %d are drawn of each side\n",
                               ROLLOUT_MAX_ROWS);
    if (sample->error_text != NULL)
        g_string_append_printf(out, "  first error: %s\n", sample->error_text);
    return g_string_free(out, FALSE);
}

static const char *
source_text(const char *source)
{
    return strcmp(source, "report") == 0 ? "the application" : "samples";
}

static void
add_pair(GString *out, const RolloutPair *pair)
{
    g_autofree char *threshold = rollout_percent_text(pair->threshold);

    if (pair->migration != NULL)
        g_string_append_printf(out, "  sides:   those of migration %s\n", pair->migration);
    if (pair->old_query != NULL)
        g_string_append_printf(out, "  sides:   old %s\n           new %s\n", pair->old_query, pair->new_query);
    if (pair->migration != NULL || pair->old_query != NULL || pair->threshold > 0 || pair->at_least != 100)
        g_string_append_printf(out, "  allowed: %s %% may differ, of at least %d that the application reports\n",
                               threshold, pair->at_least);
}

void
rollout_health_add_text(GString *out, const RolloutHealth *health)
{
    add_pair(out, &health->pair);
    for (guint i = 0; i < health->totals->len; i++) {
        const RolloutFigures *total = g_ptr_array_index(health->totals, i);

        g_string_append_printf(out, "  %s %s, by %s: ", i == 0 ? "checked:" : "        ", total->stage,
                               source_text(total->source));
        add_figures(out, total);
        g_string_append_c(out, '\n');
    }
    for (guint i = 0; i < MIN(health->reported->len, MOST_REPORTED); i++) {
        const RolloutReported *reported = g_ptr_array_index(health->reported, i);

        g_string_append_printf(out, "  %s %s %s, key %s%s%s\n", i == 0 ? "reports:" : "        ", reported->at,
                               reported->is_error ? "error" : "mismatch",
                               reported->key != NULL ? reported->key : "NULL", reported->detail != NULL ? ": " : "",
                               reported->detail != NULL ? reported->detail : "");
    }
}

static void
put_counts(JsonBuilder *builder, const RolloutFigures *figures)
{
    document_put_text(builder, "stage", figures->stage);
    document_put_int(builder, "compared", figures->compared);
    document_put_int(builder, "mismatches", figures->mismatches);
    document_put_int(builder, "errors", figures->errors);
    document_put_known(builder, "consistency", rollout_consistency(figures->compared, figures->mismatches));
}

static void
put_total(JsonBuilder *builder, gconstpointer item)
{
    const RolloutFigures *total = item;

    json_builder_begin_object(builder);
    put_counts(builder, total);
    document_put_text(builder, "source", total->source);
    json_builder_end_object(builder);
}

static void
put_sample_keys(JsonBuilder *builder, const RolloutFigures *sample)
{
    put_counts(builder, sample);
    document_put_text(builder, "at", sample->at);
    document_put_text(builder, "by", sample->by);
    document_put_int(builder, "took_ms", sample->took_ms);
    document_put_bool(builder, "over", sample->is_over);
}

static void
put_sample(JsonBuilder *builder, gconstpointer item)
{
    json_builder_begin_object(builder);
    put_sample_keys(builder, item);
    json_builder_end_object(builder);
}

static void
put_difference(JsonBuilder *builder, gconstpointer item)
{
    const RolloutDifference *difference = item;

    json_builder_begin_object(builder);
    document_put_text(builder, "key", difference->key);
    document_put_text(builder, "columns", difference->columns);
    document_put_text(builder, "old", difference->old_side);
    document_put_text(builder, "new", difference->new_side);
    json_builder_end_object(builder);
}

static void
put_taken(JsonBuilder *builder, gconstpointer item)
{
    const RolloutFigures *sample = item;

    json_builder_begin_object(builder);
    put_sample_keys(builder, sample);
    document_put_bool(builder, "froze", sample->is_frozen);
    document_put_bool(builder, "cut", sample->is_cut);
    document_put_text(builder, "error", sample->error_text);
    document_put_list(builder, "differences", sample->differences, put_difference);
    json_builder_end_object(builder);
}

static void
put_reported(JsonBuilder *builder, gconstpointer item)
{
    const RolloutReported *reported = item;

    json_builder_begin_object(builder);
    document_put_text(builder, "at", reported->at);
    document_put_text(builder, "stage", reported->stage);
    document_put_bool(builder, "error", reported->is_error);
    document_put_text(builder, "key", reported->key);
    document_put_text(builder, "detail", reported->detail);
    document_put_text(builder, "role", reported->role);
    json_builder_end_object(builder);
}

void
rollout_health_put(JsonBuilder *builder, const RolloutHealth *health)
{
    document_begin_object(builder, "compares");
    document_put_text(builder, "migration", health->pair.migration);
    document_put_text(builder, "old", health->pair.old_query);
    document_put_text(builder, "new", health->pair.new_query);
    document_put_known(builder, "threshold", health->pair.threshold / 100.0);
    document_put_int(builder, "at_least", health->pair.at_least);
    json_builder_end_object(builder);
    document_put_list(builder, "stages", health->totals, put_total);
    document_put_list(builder, "samples", health->samples, put_sample);
    document_put_list(builder, "reported", health->reported, put_reported);
}

char *
rollout_check_to_json(const char *name, const GPtrArray *samples, const RolloutHealth *health)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();

    json_builder_begin_object(builder);
    document_put_text(builder, "rollout", name);
    document_put_list(builder, "taken", samples, put_taken);
    document_put_list(builder, "stages", health->totals, put_total);
    json_builder_end_object(builder);
    return document_text(builder);
}
