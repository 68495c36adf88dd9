/*
 * The pure parts of run/: sizes of batches, and the time that is left.
 */
#include "run/progress.h"
#include "run/throttle.h"

static void
test_bounds(void)
{
    static const int sizes[] = {1, 2, 3, 10, 500, 49999, 50000, 1000000};
    static const double times[] = {0, 0.001, 1, 59, 60, 61, 1000, 1e9};

    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        for (guint k = 0; k < G_N_ELEMENTS(times); k++) {
            int next = throttle_next_rows(sizes[i], times[k], 60, 50000);

            g_assert_cmpint(next, >=, 1);
            g_assert_cmpint(next, <=, 50000);
            g_assert_cmpint(next, <=, MAX(2, sizes[i] + sizes[i] / 2));
            if (sizes[i] >= 4 && sizes[i] <= 50000)
                g_assert_cmpint(next, >=, sizes[i] / 4);
            if (times[k] > 60)
                g_assert_cmpint(next, <=, sizes[i]);
        }
    }
    g_assert_cmpint(throttle_next_rows(100, 60, 60, 50), ==, 50);
    g_assert_cmpint(throttle_next_rows(100, 60, 60, 50000), ==, 100);
    g_assert_cmpint(throttle_next_rows(1, 10, 60, 1), ==, 1);
}

/* A batch whose time goes with its rows, with a fixed cost: from wherever it starts, soon at what the target allows. */
static void
assert_converges(int rows, double row_ms, double fixed_ms)
{
    double best = CLAMP((60 - fixed_ms) / row_ms, 1, 50000);

    for (int i = 0; i < 40; i++)
        rows = throttle_next_rows(rows, fixed_ms + rows * row_ms, 60, 50000);
    g_assert_cmpfloat(rows, >=, MAX(1, best * 0.8 - 1));
    g_assert_cmpfloat(rows, <=, best * 1.2 + 1);
}

static void
test_convergence(void)
{
    static const double costs[] = {0.0001, 0.01, 0.1, 1, 5, 59, 500};

    for (guint i = 0; i < G_N_ELEMENTS(costs); i++) {
        assert_converges(1, costs[i], 0);
        assert_converges(BATCH_ROWS_FIRST, costs[i], 0);
        assert_converges(50000, costs[i], 5);
    }
}

static void
test_back_off(void)
{
    g_assert_cmpint(throttle_back_off_rows(500), ==, 250);
    g_assert_cmpint(throttle_back_off_rows(3), ==, 1);
    g_assert_cmpint(throttle_back_off_rows(2), ==, 1);
    g_assert_cmpint(throttle_back_off_rows(1), ==, 1);
}

/* One row that cannot be had any faster, and then many that can: the size comes back from 1. */
static void
test_growth_from_one(void)
{
    int rows = 1;

    for (int i = 0; i < 10; i++) {
        int next = throttle_next_rows(rows, 1, 60, 50000);

        g_assert_cmpint(next, >, rows);
        rows = next;
    }
    g_assert_cmpint(rows, >=, 40);
}

static void
test_eta(void)
{
    g_assert_cmpfloat(progress_eta(50, 100, 10), ==, 10);
    g_assert_cmpfloat(progress_eta(1, 1000, 1), ==, 999);
    g_assert_cmpfloat(progress_eta(100, 100, 10), ==, 0);
    g_assert_cmpfloat(progress_eta(150, 100, 10), ==, 0);
    g_assert_cmpfloat(progress_eta(0, 100, 10), ==, -1);
    g_assert_cmpfloat(progress_eta(50, 0, 10), ==, -1);
    g_assert_cmpfloat(progress_eta(50, 100, 0), ==, -1);
    g_assert_cmpfloat(progress_eta(-1, 100, 10), ==, -1);
    g_assert_cmpfloat(progress_eta(0, 0, 0), ==, -1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run/throttle/bounds", test_bounds);
    g_test_add_func("/run/throttle/convergence", test_convergence);
    g_test_add_func("/run/throttle/back_off", test_back_off);
    g_test_add_func("/run/throttle/growth_from_one", test_growth_from_one);
    g_test_add_func("/run/progress/eta", test_eta);
    return g_test_run();
}
