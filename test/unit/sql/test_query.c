/*
 * A query by itself: what may stand in parentheses, and what may not.
 */
#include <string.h>

#include "base/error.h"
#include "sql/query.h"

static void
test_read(void)
{
    static const struct {
        const char *source;
        const char *text;
    } cases[] = {
        {"SELECT 1", "SELECT 1"},
        {" /* a */ SELECT 1 -- b\n ; ; -- c", "SELECT 1"},
        {"WITH a AS (SELECT 1) SELECT * FROM a;", "WITH a AS (SELECT 1) SELECT * FROM a"},
        {"VALUES (1, ';')", "VALUES (1, ';')"},
        {"TABLE a", "TABLE a"},
        {"(SELECT 1) UNION (SELECT 2)", "(SELECT 1) UNION (SELECT 2)"},
        {"SELECT ';--' -- x", "SELECT ';--'"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = query_read(cases[i].source, &error);

        g_assert_no_error(error);
        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

static void
test_refused(void)
{
    static const char *const cases[] = {
        "",
        ";",
        "-- nothing",
        "SELECT 1; SELECT 2",
        "SELECT 1); DROP TABLE a; SELECT (1",
        "SELECT 1) AS q, (SELECT 2",
        "SELECT 'a",
        "SELECT $$a",
        "SELECT /* a",
        "DELETE FROM a RETURNING *",
        "INSERT INTO a VALUES (1) RETURNING *",
        "WITH a AS (INSERT INTO b VALUES (1) RETURNING *) SELECT * FROM a",
        "SELECT * FROM (WITH a AS (UPDATE b SET c = 1 RETURNING *) SELECT * FROM a) AS s",
        "SELECT (WITH a AS (DELETE FROM b RETURNING *) SELECT count(*) FROM a)",
        "SELECT * INTO a FROM b",
        "CREATE TABLE a AS SELECT 1",
        "SELECT * FROM a FOR UPDATE",
        "SELECT * FROM (SELECT * FROM a FOR KEY SHARE) AS s",
        "SELECT $1",
        "EXPLAIN ANALYZE SELECT 1",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "DO $$ BEGIN END $$",
        "\xff",
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = query_read(cases[i], &error);

        g_assert_cmpstr(text, ==, NULL);
        g_assert_true(seam_error_is(error, SEAM_ERROR_REFUSED));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sql/query/read", test_read);
    g_test_add_func("/sql/query/refused", test_refused);
    return g_test_run();
}
