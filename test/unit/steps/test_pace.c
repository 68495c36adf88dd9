/*
 * How large the next batch is: a server that takes a fixed time and a time for each row.
 */
#include "steps/backfill_pace.h"

#define TARGET_MS 60
#define LIMIT_MS  150

typedef struct Server {
    double fixed_ms;
    double row_ms;
} Server;

static double
batch_ms(const Server *server, int rows)
{
    return server->fixed_ms + server->row_ms * rows;
}

/* The size on which it settles. */
static int
settle(const Server *server, int max_rows, int *ret_batches)
{
    Pace pace;

    pace_init(&pace, max_rows);
    for (*ret_batches = 0; *ret_batches < 100; (*ret_batches)++) {
        int rows = pace.rows;

        pace_took(&pace, &(PaceLimits){TARGET_MS, LIMIT_MS, max_rows}, batch_ms(server, rows));
        g_assert_cmpint(pace.rows, >=, 1);
        g_assert_cmpint(pace.rows, <=, max_rows);
        if (ABS(pace.rows - rows) * 50 <= rows)
            return pace.rows;
    }
    return pace.rows;
}

static void
test_it_takes_what_it_shall(void)
{
    static const double row_ms[] = {0.003, 0.02, 0.1, 1, 20};

    for (guint i = 0; i < G_N_ELEMENTS(row_ms); i++) {
        Server server = {0, row_ms[i]};
        int batches;
        int rows = settle(&server, 1000000, &batches);

        g_assert_cmpfloat(batch_ms(&server, rows), <, TARGET_MS * 1.25);
        g_assert_cmpfloat(batch_ms(&server, rows), >, TARGET_MS * 0.6);
        g_assert_cmpint(batches, <, 12);
    }
}

/* What does not depend on the rows must not make the batches small. */
static void
test_a_fixed_part_is_not_shrunk_away(void)
{
    Server server = {80, 0.01};
    Server slow = {400, 0.01};
    int batches;

    g_assert_cmpint(settle(&server, 1000000, &batches), >, 2000);
    /* Longer than it may take at all: then rows are given up, and the caller sees batches of one row. */
    g_assert_cmpint(settle(&slow, 1000000, &batches), <, 500);
}

static void
test_the_ceiling_holds(void)
{
    Server server = {0, 0.0001};
    int batches;

    g_assert_cmpint(settle(&server, 300, &batches), ==, 300);
    g_assert_cmpint(settle(&server, 1, &batches), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/steps/pace/target", test_it_takes_what_it_shall);
    g_test_add_func("/steps/pace/fixed", test_a_fixed_part_is_not_shrunk_away);
    g_test_add_func("/steps/pace/ceiling", test_the_ceiling_holds);
    return g_test_run();
}
