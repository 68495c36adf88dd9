/*
 * Snapshots against pg_visible_in_snapshot()'s rules, and the backlog: what is given out when, and how far the server
 * may forget.
 */
#include <string.h>

#include "base/error.h"
#include "rewrite/backlog.h"

#define EPOCH (G_GUINT64_CONSTANT(1) << 32)

static void
test_snapshot_sees(void)
{
    static const struct {
        const char *snapshot;
        guint32 xid;
        gboolean sees;
    } cases[] = {
        {"100:100:", 99, TRUE},
        {"100:100:", 100, FALSE}, /* the next to begin; it may be running, and must not be taken for one of old */
        {"100:100:", 101, FALSE},
        {"100:110:100,105", 99, TRUE},
        {"100:110:100,105", 100, FALSE},
        {"100:110:100,105", 104, TRUE},
        {"100:110:100,105", 105, FALSE},
        {"100:110:100,105", 110, FALSE},
        /* Around the end of 32 bits: 2^32 + 5 is xmax. */
        {"4294967290:4294967301:4294967290,4294967299", 4294967289, TRUE},
        {"4294967290:4294967301:4294967290,4294967299", 4294967290, FALSE},
        {"4294967290:4294967301:4294967290,4294967299", 4294967295, TRUE},
        {"4294967290:4294967301:4294967290,4294967299", 3, FALSE},
        {"4294967290:4294967301:4294967290,4294967299", 4, TRUE},
        {"4294967290:4294967301:4294967290,4294967299", 5, FALSE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Snapshot) snapshot = {0};

        g_assert_true(snapshot_parse(&snapshot, cases[i].snapshot, NULL));
        g_assert_cmpint(snapshot_sees(&snapshot, cases[i].xid), ==, cases[i].sees);
    }
}

static void
test_whole_xid(void)
{
    Snapshot snapshot = {.xmax = 3 * EPOCH + 5};

    g_assert_cmpuint(snapshot_whole_xid(&snapshot, 5), ==, 3 * EPOCH + 5);
    g_assert_cmpuint(snapshot_whole_xid(&snapshot, 6), ==, 3 * EPOCH + 6);
    g_assert_cmpuint(snapshot_whole_xid(&snapshot, 4294967295), ==, 3 * EPOCH - 1);
}

static void
test_snapshot_refused(void)
{
    static const char *const bad[] = {NULL, "", "1", "1:2", "2:1:", "1:2:x", "1:2:1,", "1:2:,1", "-1:2:", "a:b:c"};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_auto(Snapshot) snapshot = {0};
        g_autoptr(GError) error = NULL;

        g_assert_false(snapshot_parse(&snapshot, bad[i], &error));
        g_assert_error(error, SEAM_ERROR, SEAM_ERROR_FAILED);
    }
}

static void
add_key(Backlog *backlog, const char *a, const char *b)
{
    PgoValue columns[] = {{PGO_TEXT, a, (guint32)strlen(a)}, {PGO_TEXT, b, (guint32)strlen(b)}};

    g_assert_true(backlog_key(backlog, columns, NULL));
}

/* A whole transaction with one key. */
static void
add_txn(Backlog *backlog, guint32 xid, const char *a, guint64 end)
{
    g_assert_true(backlog_begin(backlog, xid, NULL));
    add_key(backlog, a, "");
    g_assert_true(backlog_commit(backlog, end, NULL));
}

/* What is given out as "a/b a/b", with "T" where the table was truncated. */
static char *
take(Backlog *backlog, const char *text, guint most)
{
    g_auto(Snapshot) snapshot = {0};
    g_auto(BacklogBatch) batch = {0};
    GString *out = g_string_new(NULL);

    g_assert_true(snapshot_parse(&snapshot, text, NULL));
    backlog_take(backlog, &snapshot, most, &batch);
    for (guint i = 0; i < batch.n; i++) {
        const GPtrArray *a = g_ptr_array_index(batch.columns, 0);
        const GPtrArray *b = g_ptr_array_index(batch.columns, 1);

        g_string_append_printf(out, "%s%s/%s", i > 0 ? " " : "", (const char *)g_ptr_array_index(a, i),
                               (const char *)g_ptr_array_index(b, i));
    }
    if (batch.is_truncated)
        g_string_append(out, "T");
    return g_string_free(out, FALSE);
}

static void
assert_takes(Backlog *backlog, const char *snapshot, guint most, const char *expected)
{
    g_autofree char *taken = take(backlog, snapshot, most);

    g_assert_cmpstr(taken, ==, expected);
}

/* Delivered before it is visible: it waits, what follows does not, and nothing behind it may be forgotten. */
static void
test_held_until_visible(void)
{
    g_autoptr(Backlog) backlog = backlog_new(2);

    add_txn(backlog, 10, "held", 1000);
    add_txn(backlog, 11, "seen", 2000);
    assert_takes(backlog, "10:12:10", 100, "seen/");
    backlog_done(backlog);
    g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 0);
    backlog_keepalive(backlog, 9000);
    g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 0);
    assert_takes(backlog, "10:12:10", 100, "");
    backlog_done(backlog);
    assert_takes(backlog, "12:12:", 100, "held/");
    g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 0);
    backlog_done(backlog);
    g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 2000);
    g_assert_false(backlog_has_work(backlog));
    g_assert_cmpuint(backlog_bytes(backlog), ==, 0);
    backlog_keepalive(backlog, 9000);
    g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 9000);
}

static void
test_each_key_once(void)
{
    g_autoptr(Backlog) backlog = backlog_new(2);

    g_assert_true(backlog_begin(backlog, 10, NULL));
    add_key(backlog, "1", "a");
    add_key(backlog, "1", "a");
    add_key(backlog, "1a", "");
    add_key(backlog, "", "1a");
    g_assert_true(backlog_commit(backlog, 1000, NULL));
    add_txn(backlog, 11, "1", 2000);
    g_assert_true(backlog_begin(backlog, 12, NULL));
    add_key(backlog, "1", "a");
    g_assert_true(backlog_commit(backlog, 3000, NULL));
    assert_takes(backlog, "20:20:", 100, "1/a 1a/ /1a 1/");
    backlog_done(backlog);
    g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 3000);
}

static void
test_put_back(void)
{
    g_autoptr(Backlog) backlog = backlog_new(2);

    add_txn(backlog, 10, "1", 1000);
    assert_takes(backlog, "20:20:", 100, "1/");
    backlog_put_back(backlog);
    g_assert_true(backlog_has_work(backlog));
    g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 0);
    assert_takes(backlog, "20:20:", 100, "1/");
}

/* A transaction larger than all memory: it is given out while it comes, and safe only with its end. */
static void
test_piece_by_piece(void)
{
    g_autoptr(Backlog) backlog = backlog_new(2);

    add_txn(backlog, 9, "first", 500);
    g_assert_true(backlog_begin(backlog, 10, NULL));
    for (int round = 0; round < 3; round++) {
        add_key(backlog, "1", "a");
        add_key(backlog, "2", "b");
        add_key(backlog, "3", "c");
        assert_takes(backlog, "20:20:", round == 0 ? 3 : 2, round == 0 ? "first/ 1/a 2/b" : "1/a 2/b");
        backlog_done(backlog);
        assert_takes(backlog, "20:20:", 2, "3/c");
        backlog_done(backlog);
        g_assert_false(backlog_has_work(backlog));
        g_assert_cmpuint(backlog_bytes(backlog), <, 1000);
        backlog_keepalive(backlog, 9000);
        g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 500);
    }
    g_assert_true(backlog_commit(backlog, 1000, NULL));
    g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 1000);
}

/* Behind one that is held, those without keys and those that are done do not pile up. */
static void
test_held_gathers_nothing(void)
{
    g_autoptr(Backlog) backlog = backlog_new(2);
    gsize bytes;

    add_txn(backlog, 10, "held", 1000);
    bytes = backlog_bytes(backlog);
    for (guint32 i = 0; i < 1000; i++) {
        g_assert_true(backlog_begin(backlog, 11 + i, NULL));
        g_assert_true(backlog_commit(backlog, 2000 + i, NULL));
        add_txn(backlog, 5000 + i, "seen", 3000 + i);
        assert_takes(backlog, "10:9000:10", 100, "seen/");
        backlog_done(backlog);
    }
    g_assert_cmpuint(backlog_bytes(backlog), ==, bytes);
    g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 0);
    assert_takes(backlog, "9000:9000:", 100, "held/");
    backlog_done(backlog);
    g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 3999);
    g_assert_cmpuint(backlog_bytes(backlog), ==, 0);
}

static void
test_truncate(void)
{
    g_autoptr(Backlog) backlog = backlog_new(2);

    g_assert_true(backlog_begin(backlog, 10, NULL));
    add_key(backlog, "1", "a");
    g_assert_true(backlog_truncate(backlog, NULL));
    g_assert_true(backlog_commit(backlog, 1000, NULL));
    assert_takes(backlog, "10:11:10", 100, "");
    backlog_done(backlog);
    g_assert_true(backlog_has_work(backlog));
    assert_takes(backlog, "20:20:", 100, "1/aT");
    backlog_put_back(backlog);
    assert_takes(backlog, "20:20:", 100, "1/aT");
    backlog_done(backlog);
    assert_takes(backlog, "20:20:", 100, "");
    g_assert_cmpuint(backlog_safe_lsn(backlog), ==, 1000);
}

static void
test_order_of_the_protocol(void)
{
    g_autoptr(Backlog) backlog = backlog_new(2);
    g_autoptr(GError) error = NULL;
    PgoValue columns[2] = {{PGO_TEXT, "x", 1}, {PGO_TEXT, "y", 1}};

    g_assert_false(backlog_key(backlog, columns, &error));
    g_clear_error(&error);
    g_assert_false(backlog_commit(backlog, 1000, &error));
    g_clear_error(&error);
    g_assert_false(backlog_truncate(backlog, &error));
    g_clear_error(&error);
    g_assert_true(backlog_begin(backlog, 10, NULL));
    g_assert_false(backlog_begin(backlog, 11, &error));
    g_assert_error(error, SEAM_ERROR, SEAM_ERROR_FAILED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/snapshot/sees", test_snapshot_sees);
    g_test_add_func("/snapshot/whole-xid", test_whole_xid);
    g_test_add_func("/snapshot/refused", test_snapshot_refused);
    g_test_add_func("/backlog/held-until-visible", test_held_until_visible);
    g_test_add_func("/backlog/each-key-once", test_each_key_once);
    g_test_add_func("/backlog/put-back", test_put_back);
    g_test_add_func("/backlog/piece-by-piece", test_piece_by_piece);
    g_test_add_func("/backlog/held-gathers-nothing", test_held_gathers_nothing);
    g_test_add_func("/backlog/truncate", test_truncate);
    g_test_add_func("/backlog/order-of-the-protocol", test_order_of_the_protocol);
    return g_test_run();
}
