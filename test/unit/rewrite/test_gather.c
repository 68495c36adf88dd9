/*
 * From the stream's messages to keys: which key a change has, and what is refused because its key is not known.
 */
#include <string.h>

#include "base/error.h"
#include "rewrite/gather.h"

#define BEGIN    "B\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x0A"
#define COMMIT   "C\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0"
#define RELATION "R\0\0\0\x07s\0t\0d\0\x02\0v\0\0\0\0\x19\xFF\xFF\xFF\xFF\x01id\0\0\0\0\x17\xFF\xFF\xFF\xFF"
#define TOKEN                                                                                                          \
    "M\x01\0\0\0\0\0\0\0\x01pgseam\0\0\0\0\x03"                                                                        \
    "tok"

/* A string literal with its zero bytes, without the last one. */
#define FEED(gather, text, error) gather_message(gather, (const guint8 *)("" text), sizeof(text) - 1, error)

static void
start(Gather *gather)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(names, g_strdup("id"));
    gather_init(gather, 7, names);
    g_assert_true(FEED(gather, RELATION, NULL));
    g_assert_true(FEED(gather, BEGIN, NULL));
}

/* The keys that are there, "a b". */
static void
assert_keys(Gather *gather, const char *expected)
{
    g_auto(Snapshot) snapshot = {0};
    g_auto(BacklogBatch) batch = {0};
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_true(snapshot_parse(&snapshot, "100:100:", NULL));
    backlog_take(gather->backlog, &snapshot, 100, &batch);
    for (guint i = 0; i < batch.n; i++)
        g_string_append_printf(out, "%s%s", i > 0 ? " " : "",
                               (char *)g_ptr_array_index((GPtrArray *)g_ptr_array_index(batch.columns, 0), i));
    g_assert_cmpstr(out->str, ==, expected);
    backlog_put_back(gather->backlog);
}

static void
test_keys(void)
{
    Gather gather;

    start(&gather);
    g_assert_true(FEED(&gather,
                       "I\0\0\0\x07N\0\x02nt\0\0\0\x01"
                       "1",
                       NULL));
    g_assert_true(FEED(&gather,
                       "U\0\0\0\x07N\0\x02ut\0\0\0\x01"
                       "2",
                       NULL));
    /* A key that changes is two keys. */
    g_assert_true(FEED(&gather,
                       "U\0\0\0\x07K\0\x02nt\0\0\0\x01"
                       "3N\0\x02ut\0\0\0\x01"
                       "4",
                       NULL));
    /* A key in TOAST that did not change comes with the old row alone. */
    g_assert_true(FEED(&gather,
                       "U\0\0\0\x07O\0\x02nt\0\0\0\x01"
                       "5N\0\x02uu",
                       NULL));
    g_assert_true(FEED(&gather,
                       "D\0\0\0\x07K\0\x02nt\0\0\0\x01"
                       "6",
                       NULL));
    g_assert_true(FEED(&gather, COMMIT, NULL));
    assert_keys(&gather, "1 2 3 4 5 6");
    gather_clear(&gather);
}

#define REFUSED(what, text)                                                                                            \
    do {                                                                                                               \
        Gather gather;                                                                                                 \
        g_autoptr(GError) error = NULL;                                                                                \
                                                                                                                       \
        start(&gather);                                                                                                \
        g_assert_false(FEED(&gather, text, &error));                                                                   \
        g_assert_error(error, SEAM_ERROR, what);                                                                       \
        gather_clear(&gather);                                                                                         \
    } while (0)

static void
test_refused(void)
{
    REFUSED(SEAM_ERROR_DRIFT, "U\0\0\0\x07N\0\x02nu"); /* no key anywhere */
    REFUSED(SEAM_ERROR_DRIFT, "I\0\0\0\x07N\0\x02nn"); /* a key of NULL */
    REFUSED(SEAM_ERROR_DRIFT, "D\0\0\0\x07K\0\x01t\0\0\0\x01"
                              "6"); /* another number of columns */
    REFUSED(SEAM_ERROR_DRIFT, "D\0\0\0\x08K\0\x02nt\0\0\0\x01"
                              "6");                                                  /* another table */
    REFUSED(SEAM_ERROR_DRIFT, "R\0\0\0\x07s\0t\0d\0\x01\x01no\0\0\0\0\x17\0\0\0\0"); /* the key has another name */
    REFUSED(SEAM_ERROR_DRIFT, "R\0\0\0\x07s\0t\0d\0\x01\0id\0\0\0\0\x17\0\0\0\0");   /* it is no identity any more */
    REFUSED(SEAM_ERROR_FAILED, BEGIN);
    REFUSED(SEAM_ERROR_FAILED, "?");
}

/* Rows of which the columns were never told, as after a restart of the stream. */
static void
test_restart(void)
{
    g_autoptr(GError) error = NULL;
    Gather gather;

    start(&gather);
    g_assert_true(FEED(&gather,
                       "D\0\0\0\x07K\0\x02nt\0\0\0\x01"
                       "6",
                       NULL));
    gather_restart(&gather);
    g_assert_true(FEED(&gather, BEGIN, NULL));
    assert_keys(&gather, "");
    g_assert_false(FEED(&gather,
                        "D\0\0\0\x07K\0\x02nt\0\0\0\x01"
                        "6",
                        &error));
    g_assert_error(error, SEAM_ERROR, SEAM_ERROR_DRIFT);
    gather_clear(&gather);
}

/* Seen with its commit, not before; and not by a stream that began anew meanwhile. */
static void
test_token(void)
{
    Gather gather;

    start(&gather);
    gather_expect(&gather, "tok");
    g_assert_true(FEED(&gather, TOKEN, NULL));
    g_assert_false(gather.is_seen);
    g_assert_true(FEED(&gather, COMMIT, NULL));
    g_assert_true(gather.is_seen);
    gather_restart(&gather);
    g_assert_false(gather.is_seen);
    g_assert_null(gather.token);
    gather_expect(&gather, "tok2");
    g_assert_true(FEED(&gather, BEGIN, NULL));
    g_assert_true(FEED(&gather, TOKEN, NULL));
    g_assert_true(FEED(&gather, COMMIT, NULL));
    g_assert_false(gather.is_seen);
    gather_clear(&gather);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gather/keys", test_keys);
    g_test_add_func("/gather/refused", test_refused);
    g_test_add_func("/gather/restart", test_restart);
    g_test_add_func("/gather/token", test_token);
    return g_test_run();
}
