/*
 * Rollouts without a server: which stage may follow which, what a percentage looks like.
 */
#include <string.h>

#include "base/error.h"
#include "run/rollout_check.h"

static Rollout
at(RolloutStage stage, int percent, GPtrArray *cohorts)
{
    return (Rollout){.name = (char *)"r", .stage = stage, .percent = percent, .cohorts = cohorts};
}

static gboolean
may(const Rollout *from, const Rollout *to, gboolean is_forced)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = rollout_check_change(from, to, is_forced, &error);

    g_assert_true(ok == (error == NULL));
    if (error != NULL)
        g_assert_true(seam_error_is(error, SEAM_ERROR_REFUSED) && seam_error_get_hint(error) != NULL);
    return ok;
}

static void
test_ways(void)
{
    /* Rows: from; columns: to. */
    static const char *const ways[] = {
        "yy....", "yyy...", ".yyy..", ".yyyy.", ".yyyyy", ".....y",
    };
    g_autoptr(GPtrArray) none = g_ptr_array_new();

    for (int i = 0; i < N_ROLLOUT_STAGES; i++) {
        for (int k = 0; k < N_ROLLOUT_STAGES; k++) {
            const Rollout from = at((RolloutStage)i, 10000, none);
            const Rollout to = at((RolloutStage)k, 10000, none);

            g_assert_true(may(&from, &to, FALSE) == (ways[i][k] == 'y'));
            g_assert_true(may(&from, &to, TRUE));
        }
    }
}

static void
test_frozen(void)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    Rollout from = at(ROLLOUT_LIVE, 1000, none);
    Rollout to = at(ROLLOUT_LIVE, 999, none);

    g_ptr_array_add(one, (gpointer) "key");
    from.frozen_because = to.frozen_because = (char *)"it differs";
    g_assert_true(may(&from, &to, FALSE));
    to.percent = 1001;
    g_assert_false(may(&from, &to, TRUE));
    to = from;
    to.cohorts = one;
    g_assert_false(may(&from, &to, TRUE));
    to = from;
    to.stage = ROLLOUT_SHADOW;
    g_assert_true(may(&from, &to, FALSE));
    to.stage = ROLLOUT_RAMPDOWN;
    g_assert_false(may(&from, &to, TRUE));
}

static void
test_percent(void)
{
    static const struct {
        const char *text;
        int percent; /* -1: is none */
        const char *printed;
    } cases[] = {
        {"0", 0, "0"},          {"10", 1000, "10"},  {"100", 10000, "100"},
        {"12.5", 1250, "12.5"}, {"0.05", 5, "0.05"}, {"2.50", 250, "2.5"},
        {"007", 700, "7"},      {"", -1, NULL},      {"-1", -1, NULL},
        {"100.01", -1, NULL},   {"101", -1, NULL},   {"1.234", -1, NULL},
        {"1.", -1, NULL},       {".5", -1, NULL},    {"1e1", -1, NULL},
        {"nan", -1, NULL},      {" 1", -1, NULL},    {"1 ", -1, NULL},
        {"10%", -1, NULL},      {"1,5", -1, NULL},   {"99999999999999999999", -1, NULL},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        int percent = -1;
        gboolean ok = rollout_parse_percent(cases[i].text, &percent);
        g_autofree char *printed = ok ? rollout_percent_text(percent) : NULL;

        g_assert_true(ok == (cases[i].percent >= 0));
        if (ok)
            g_assert_cmpint(percent, ==, cases[i].percent);
        g_assert_cmpstr(printed, ==, cases[i].printed);
    }
}

static void
test_rates(void)
{
    g_assert_cmpfloat(rollout_consistency(0, 0), <, 0);
    g_assert_cmpfloat(rollout_consistency(1000, 0), ==, 100);
    g_assert_cmpfloat(rollout_consistency(1000, 1), ==, 99.9);
    g_assert_cmpfloat(rollout_consistency(3, 1), ==, 66.6666);
    g_assert_cmpfloat(rollout_consistency(G_GINT64_CONSTANT(1000000000000), 1), ==, 99.9999);
    g_assert_cmpfloat(rollout_consistency(G_MAXINT64 / 2000000, 1), <, 100);
    g_assert_cmpfloat(rollout_consistency(5, 5), ==, 0);
}

static void
test_thresholds(void)
{
    /* compared, mismatches, hundredths of a percent, is it over */
    static const struct {
        gint64 compared;
        gint64 mismatches;
        int threshold;
        gboolean is_over;
    } cases[] = {
        {0, 0, 0, FALSE},      {1000, 0, 0, FALSE},  {1000, 1, 0, TRUE},   {1000, 10, 100, FALSE},
        {1000, 11, 100, TRUE}, {1000, 10, 99, TRUE}, {10000, 1, 1, FALSE}, {10000, 2, 1, TRUE},
        {9999, 1, 1, TRUE},    {5, 5, 10000, FALSE}, {3, 1, 3333, TRUE},   {3, 1, 3334, FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_true(rollout_is_over(cases[i].compared, cases[i].mismatches, cases[i].threshold) == cases[i].is_over);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rollout/ways", test_ways);
    g_test_add_func("/rollout/frozen", test_frozen);
    g_test_add_func("/rollout/percent", test_percent);
    g_test_add_func("/run/rollout/rates", test_rates);
    g_test_add_func("/run/rollout/thresholds", test_thresholds);
    return g_test_run();
}
