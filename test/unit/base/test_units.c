/*
 * Numbers with units: what is taken, what is not, and that what is printed is read back as the same.
 */
#include "base/units.h"

#define KB G_GINT64_CONSTANT(1024)

static void
test_bytes(void)
{
    static const struct {
        const char *text;
        gint64 bytes;
    } good[] = {{"0", 0},
                {"7", 7},
                {"512kB", 512 * KB},
                {"512KB", 512 * KB},
                {"64MB", 64 * KB * KB},
                {"64 MB", 64 * KB * KB},
                {"1gb", KB * KB * KB},
                {"2TB", 2 * KB * KB * KB * KB},
                {"10B", 10}};
    static const char *const bad[] = {
        "", "MB", "-1", "1XB", "1.5GB", " 1", "1MB x", "1M", "0x10", "9999999999TB", "99999999999999999999"};

    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        gint64 bytes = -1;

        g_assert_true(units_parse_bytes(good[i].text, &bytes));
        g_assert_cmpint(bytes, ==, good[i].bytes);
    }
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        gint64 bytes = -1;

        g_assert_false(units_parse_bytes(bad[i], &bytes));
        g_assert_cmpint(bytes, ==, -1);
    }
}

static void
test_times(void)
{
    gint64 ms = -1;

    g_assert_true(units_parse_ms("60", 1, &ms));
    g_assert_cmpint(ms, ==, 60);
    g_assert_true(units_parse_ms("60", 1000, &ms));
    g_assert_cmpint(ms, ==, 60000);
    g_assert_true(units_parse_ms("250ms", 1000, &ms));
    g_assert_cmpint(ms, ==, 250);
    g_assert_true(units_parse_ms("5min", 1, &ms));
    g_assert_cmpint(ms, ==, 300000);
    g_assert_true(units_parse_ms("2h", 1, &ms));
    g_assert_cmpint(ms, ==, 7200000);
    g_assert_false(units_parse_ms("5m", 1, &ms));
    g_assert_false(units_parse_ms("-5s", 1, &ms));
    g_assert_false(units_parse_ms("soon", 1, &ms));
}

static void
assert_bytes_text(gint64 bytes, const char *expected)
{
    g_autofree char *text = units_bytes_text(bytes);
    gint64 again = -1;

    g_assert_cmpstr(text, ==, expected);
    g_assert_true(units_parse_bytes(text, &again));
    g_assert_cmpint(again, ==, bytes);
}

static void
assert_ms_text(gint64 ms, const char *expected)
{
    g_autofree char *text = units_ms_text(ms);
    gint64 again = -1;

    g_assert_cmpstr(text, ==, expected);
    g_assert_true(units_parse_ms(text, 1, &again));
    g_assert_cmpint(again, ==, ms);
}

static void
test_printed_is_read_back(void)
{
    g_autofree char *about = units_bytes_about(1.5 * 1024 * 1024);

    assert_bytes_text(0, "0");
    assert_bytes_text(1023, "1023B");
    assert_bytes_text(64 * KB * KB, "64MB");
    assert_bytes_text(1536 * KB * KB, "1536MB");
    assert_bytes_text(KB * KB * KB, "1GB");
    assert_ms_text(1500, "1500ms");
    assert_ms_text(90000, "90s");
    assert_ms_text(60000, "1min");
    assert_ms_text(86400000, "1d");
    g_assert_cmpstr(about, ==, "1.5 MB");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/units/bytes", test_bytes);
    g_test_add_func("/base/units/times", test_times);
    g_test_add_func("/base/units/printed_is_read_back", test_printed_is_read_back);
    return g_test_run();
}
