/*
 * Backfills: how a statement is split, which may run twice over a row, and what is swept before contract.
 */
#include <string.h>

#include "fixture.h"

static const Step *
step_at(const Plan *plan, guint i)
{
    g_assert_cmpuint(i, <, plan->steps->len);
    return g_ptr_array_index(plan->steps, i);
}

/* TRUE where the statement is swept before a contract step of its table. The file adds mail, k, w, done, d. */
static gboolean
is_swept(const char *sql)
{
    g_autofree char *file =
        g_strconcat("ALTER TABLE users ADD mail text, ADD k int, ADD w numeric, ADD done boolean, ADD d date; ", sql,
                    "; ALTER TABLE users DROP old_column;", NULL);
    g_autoptr(Plan) plan = must_plan(NULL, file);
    guint sweeps = 0;

    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = step_at(plan, i);

        if (step_is(step, PARAM_SWEEP)) {
            g_assert_cmpint(step->phase, ==, PHASE_CONTRACT);
            g_assert_true(step_is(step, PARAM_REPEATABLE));
            sweeps++;
        }
        if (step->phase == PHASE_BACKFILL)
            g_assert_cmpint(step_is(step, PARAM_REPEATABLE), ==, strstr(step->why, "swept") != NULL);
    }
    g_assert_cmpuint(sweeps, <=, 1);
    return sweeps == 1;
}

typedef struct Case {
    const char *sql;
    gboolean is_swept;
} Case;

static void
assert_swept(const Case *cases, guint n)
{
    for (guint i = 0; i < n; i++) {
        gboolean actual = is_swept(cases[i].sql);

        if (actual != cases[i].is_swept)
            g_test_message("%s", cases[i].sql);
        g_assert_cmpint(actual, ==, cases[i].is_swept);
    }
}

static void
test_is_null(void)
{
    static const Case cases[] = {
        {"UPDATE users SET mail = 'x' WHERE mail IS NULL", TRUE},
        {"UPDATE users SET mail = lower(name) WHERE mail IS NULL", TRUE},
        {"UPDATE users SET mail = 'x', flag = true WHERE mail IS NULL AND n > 5", TRUE},
        {"UPDATE users AS u SET mail = 'x' WHERE u.mail IS NULL", TRUE},
        {"UPDATE users SET mail = gen_random_uuid() WHERE mail IS NULL", TRUE},
        {"UPDATE users SET mail = NULL WHERE mail IS NULL", FALSE},
        {"UPDATE users SET mail = mail || 'x' WHERE mail IS NULL", FALSE},
        {"UPDATE users SET mail = 'x', n = n + 1 WHERE mail IS NULL", FALSE},
        {"UPDATE users SET mail = name, n = length(mail) WHERE mail IS NULL", FALSE},
        {"UPDATE users SET n = 1 WHERE mail IS NULL", FALSE},
        {"UPDATE users SET mail = 'x' WHERE mail IS NOT NULL", FALSE},
        {"UPDATE users SET mail = 'x' WHERE mail IS NULL OR flag", FALSE},
        {"UPDATE users SET mail = 'x' WHERE coalesce(mail, '') = ''", FALSE},
    };

    assert_swept(cases, G_N_ELEMENTS(cases));
}

static void
test_literals(void)
{
    static const Case cases[] = {
        {"UPDATE users SET mail = 'x' WHERE mail <> 'x'", TRUE},
        {"UPDATE users SET mail = 'x' WHERE mail IS DISTINCT FROM 'x'", TRUE},
        {"UPDATE users SET mail = 'x' WHERE mail <> 'y'", FALSE},
        {"UPDATE users SET done = true WHERE done IS DISTINCT FROM true", TRUE},
        {"UPDATE users SET k = 5 WHERE k != 5", TRUE},
        {"UPDATE users SET mail = 'x' WHERE mail = 'y'", TRUE},
        {"UPDATE users SET mail = 'x' WHERE mail = 'x'", FALSE},
        {"UPDATE users SET k = 2 WHERE k = 1", TRUE},
        {"UPDATE users SET k = 2 WHERE k = '1'", FALSE},
        {"UPDATE users SET k = k + 1 WHERE k = 1", FALSE},
        {"UPDATE users SET mail = NULL WHERE mail = 'x'", FALSE},
        {"UPDATE users SET done = true WHERE NOT done", TRUE},
        {"UPDATE users SET done = false WHERE done", TRUE},
        {"UPDATE users SET done = true WHERE done", FALSE},
        {"UPDATE users SET done = false WHERE NOT done", FALSE},
        {"UPDATE users SET w = 1e2 WHERE w = 100", FALSE},
        {"UPDATE users SET w = 2.0 WHERE w = 2", FALSE},
        {"UPDATE users SET d = '2020-1-1' WHERE d = '2020-01-01'", FALSE},
        {"UPDATE users SET n = n + 1", FALSE},
        {"UPDATE users SET k = 1", FALSE},
        {"UPDATE users SET k = 1 WHERE k < 10", FALSE},
    };

    assert_swept(cases, G_N_ELEMENTS(cases));
}

/* What the applications write later in columns of their own is theirs; a row deleted later was not meant. */
static void
test_columns_of_the_application(void)
{
    static const Case cases[] = {
        {"UPDATE users SET email = 'x' WHERE email IS NULL", FALSE},
        {"UPDATE users SET n = 2 WHERE n = 1", FALSE},
        {"UPDATE users SET email = 'x' WHERE email IS NULL; ALTER TABLE users ALTER email SET NOT NULL", TRUE},
        {"UPDATE users SET email = 'x' WHERE email IS NULL; ALTER TABLE users ALTER flag SET NOT NULL", FALSE},
        {"UPDATE users SET email = 'x' WHERE email <> 'x'; ALTER TABLE users ALTER email SET NOT NULL", FALSE},
        {"UPDATE users SET email = 'x' WHERE email IS NULL; ALTER TABLE pair ALTER c SET NOT NULL", FALSE},
        {"DELETE FROM users WHERE mail IS NULL", FALSE},
        {"DELETE FROM users", FALSE},
    };

    assert_swept(cases, G_N_ELEMENTS(cases));
}

/* Literals that their column reads, rounds or compares otherwise than they are written: the sweep would never end. */
static void
test_literals_that_do_not_stay(void)
{
    static const Case cases[] = {
        {"UPDATE users SET k = 1.5 WHERE k IS DISTINCT FROM 1.5", FALSE},
        {"UPDATE users SET k = '01' WHERE k = '1'", FALSE},
        {"UPDATE users SET k = '01' WHERE k = ' 1'", FALSE},
        {"UPDATE users SET done = 'true' WHERE done = 't'", FALSE},
    };

    assert_swept(cases, G_N_ELEMENTS(cases));
}

static void
test_sweeps_only_with_a_contract(void)
{
    g_autoptr(Plan) none = must_plan(NULL, "ALTER TABLE users ADD a int; UPDATE users SET a = 1 WHERE a IS NULL");
    g_autoptr(Plan) other =
        must_plan(NULL, "ALTER TABLE users ADD a int; UPDATE users SET a = 1 WHERE a IS NULL; ALTER "
                        "TABLE orders DROP total");
    g_autoptr(Plan) own = must_plan(
        NULL,
        "ALTER TABLE users ADD a int, DROP old_column; ALTER TABLE orders ADD a int, DROP total; UPDATE users SET "
        "a = 1 WHERE a IS NULL; UPDATE orders SET a = 1 WHERE a IS NULL");

    g_assert_cmpuint(none->steps->len, ==, 2);
    g_assert_true(step_is(step_at(none, 1), PARAM_REPEATABLE));
    g_assert_cmpuint(other->steps->len, ==, 3);
    g_assert_cmpuint(own->steps->len, ==, 8);
    g_assert_cmpstr(step_at(own, 4)->table, ==, "users");
    g_assert_true(step_is(step_at(own, 4), PARAM_SWEEP));
    g_assert_cmpstr(step_at(own, 5)->table, ==, "orders");
    g_assert_true(step_is(step_at(own, 5), PARAM_SWEEP));
    g_assert_cmpint(step_at(own, 6)->kind, ==, STEP_COLUMN_DROP);
}

/* Each sweep is of its own statement, wherever the statements stand. */
static void
assert_two_sweeps(const char *between)
{
    g_autofree char *sql =
        g_strconcat("ALTER TABLE users ADD a text, ADD b boolean; UPDATE users SET a = 'x' WHERE a IS NULL;", between,
                    "UPDATE users SET b = true WHERE NOT b; ALTER TABLE users DROP old_column;", NULL);
    g_autoptr(Plan) plan = must_plan(NULL, sql);

    g_assert_cmpuint(plan->steps->len, ==, 7);
    g_assert_nonnull(strstr(step_at(plan, 4)->sql, "SET a = 'x' WHERE (a IS NULL\n) AND"));
    g_assert_nonnull(strstr(step_at(plan, 5)->sql, "SET b = true WHERE (NOT b\n) AND"));
}

static void
test_sweeps_are_of_their_own_statement(void)
{
    assert_two_sweeps("\n");
    assert_two_sweeps(" ");
}

/* Rows whose value to set is NULL match for ever: the sweep leaves them out. */
static void
test_sweep_of_an_expression(void)
{
    g_autoptr(Plan) plan =
        must_plan(NULL, "ALTER TABLE users ADD a text; UPDATE users SET a = lower(name) -- x\n WHERE "
                        "a IS NULL; ALTER TABLE users DROP old_column");
    g_autoptr(Plan) literal = must_plan(NULL, "ALTER TABLE users ADD a text; UPDATE users SET a = 'x' WHERE a IS NULL; "
                                              "ALTER TABLE users DROP old_column");

    g_assert_null(strstr(step_at(plan, 1)->sql, "IS NOT NULL"));
    g_assert_nonnull(
        strstr(step_at(plan, 2)->sql, "CASE WHEN (a IS NULL\n) THEN (lower(name)\n) IS NOT NULL ELSE false END AND"));
    g_assert_null(strstr(step_at(literal, 2)->sql, "IS NOT NULL"));
}

#define ABOVE " OPERATOR(pg_catalog.>) ROW("
#define UP_TO " OPERATOR(pg_catalog.<=) ROW("

static void
test_batches(void)
{
    static const struct {
        const char *sql;
        const char *planned;
    } cases[] = {
        {"UPDATE users SET n = 1",
         "UPDATE users SET n = 1\nWHERE (CAST($1 AS bigint) IS NULL OR ROW(users.id)" ABOVE "CAST($1 AS bigint))) AND "
         "(CAST($2 AS bigint) IS NULL OR ROW(users.id)" UP_TO "CAST($2 AS bigint)))"},
        {"UPDATE ONLY shop.users AS \"U\" SET n = 1 WHERE flag OR n = 2 -- x",
         "UPDATE ONLY shop.users AS \"U\" SET n = 1 WHERE (flag OR n = 2\n) AND (CAST($1 AS bigint) IS NULL OR "
         "ROW(\"U\".id)" ABOVE "CAST($1 AS bigint))) AND (CAST($2 AS bigint) IS NULL OR ROW(\"U\".id)" UP_TO
         "CAST($2 AS bigint)))"},
        {"DELETE FROM pair WHERE c = 'x'",
         "DELETE FROM pair WHERE (c = 'x'\n) AND (CAST($1 AS integer) IS NULL OR ROW(pair.a, pair.\"Odd\")" ABOVE
         "CAST($1 AS integer), CAST($2 AS text))) AND (CAST($3 AS integer) IS NULL OR ROW(pair.a, pair.\"Odd\")" UP_TO
         "CAST($3 AS integer), CAST($4 AS text)))"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Plan) plan = must_plan(NULL, cases[i].sql);
        g_assert_cmpstr(step_at(plan, 0)->sql, ==, cases[i].planned);
    }
}

static void
test_key(void)
{
    g_autoptr(Plan) plan = must_plan(NULL, "UPDATE pair SET c = 'x'");
    const Step *step = step_at(plan, 0);

    g_assert_cmpuint(step->key->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(step->key, 1), ==, "Odd");
    g_assert_cmpuint(step->key_types->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(step->key_types, 0), ==, "integer");
    g_assert_cmpstr(step_get(step, PARAM_ALIAS), ==, "pair");
    g_assert_cmpfloat(step->rows, ==, 1000000);
}

static FactTable *
keyless(Facts *facts)
{
    FactTable *table = fixture_table(facts, "t");

    fixture_column(table, "a", "integer")->is_not_null = TRUE;
    fixture_column(table, "b", "integer")->is_not_null = TRUE;
    fixture_column(table, "c", "integer");
    return table;
}

/* Without a primary key the shortest unique index will do, if every row is in it once and can be compared. */
static void
test_choice_of_key(void)
{
    g_autoptr(Facts) facts = fixture_facts();
    FactTable *table = keyless(facts);
    FactIndex *wide = fixture_index(table, "wide", "a,b");
    FactIndex *narrow = fixture_index(table, "narrow", "a");

    g_assert_null(facts_key(table));
    wide->is_unique = TRUE;
    g_assert_true(facts_key(table) == wide);
    narrow->is_unique = TRUE;
    g_assert_true(facts_key(table) == narrow);
    narrow->is_valid = FALSE;
    g_assert_true(facts_key(table) == wide);
    narrow->is_valid = TRUE;
    narrow->is_partial = TRUE;
    g_assert_true(facts_key(table) == wide);
    narrow->is_partial = FALSE;
    narrow->is_immediate = FALSE;
    g_assert_true(facts_key(table) == wide);
    narrow->is_immediate = TRUE;
    ((FactColumn *)facts_column(table, "b"))->is_comparable = FALSE;
    g_assert_true(facts_key(table) == narrow);
    ((FactColumn *)facts_column(table, "a"))->is_not_null = FALSE;
    g_assert_null(facts_key(table));
    fixture_index(table, "expression", NULL)->is_unique = TRUE;
    g_assert_null(facts_key(table));
}

static void
assert_note(const char *sql, const char *part, gboolean expected)
{
    g_autoptr(Plan) plan = must_plan(NULL, sql);
    gboolean found = FALSE;

    for (guint i = 0; i < plan->notes->len; i++)
        found |= strstr(g_ptr_array_index(plan->notes, i), part) != NULL;
    if (found != expected)
        g_test_message("%s: %s", sql, part);
    g_assert_cmpint(found, ==, expected);
}

static void
test_notes(void)
{
    assert_note("UPDATE users SET n = n + 1", "this UPDATE changes each row exactly once", TRUE);
    assert_note("DELETE FROM users", "this DELETE changes each row exactly once", TRUE);
    assert_note("ALTER TABLE users ADD a int; UPDATE users SET a = 1 WHERE a IS NULL", "exactly once", FALSE);
    assert_note("UPDATE users SET email = 'x' WHERE email IS NULL", "rollback does not bring back", TRUE);
    assert_note("ALTER TABLE users ADD a int; UPDATE users SET a = 1 WHERE a IS NULL", "rollback does not bring back",
                FALSE);
    assert_note("DELETE FROM users WHERE flag", "rollback does not bring back", TRUE);
    assert_note("UPDATE orders SET state = 'x' WHERE state IS NULL", "triggers of orders fire", TRUE);
    assert_note("UPDATE users SET n = 1 WHERE amount > length(current_setting('x'))", "evaluated anew in each batch",
                TRUE);
    assert_note("UPDATE users SET n = 1 WHERE amount > 5", "evaluated anew in each batch", FALSE);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/backfill/is_null", test_is_null);
    g_test_add_func("/plan/backfill/literals", test_literals);
    g_test_add_func("/plan/backfill/columns_of_the_application", test_columns_of_the_application);
    g_test_add_func("/plan/backfill/literals_that_do_not_stay", test_literals_that_do_not_stay);
    g_test_add_func("/plan/backfill/sweeps_only_with_a_contract", test_sweeps_only_with_a_contract);
    g_test_add_func("/plan/backfill/sweeps_are_of_their_own_statement", test_sweeps_are_of_their_own_statement);
    g_test_add_func("/plan/backfill/sweep_of_an_expression", test_sweep_of_an_expression);
    g_test_add_func("/plan/backfill/batches", test_batches);
    g_test_add_func("/plan/backfill/key", test_key);
    g_test_add_func("/plan/backfill/choice_of_key", test_choice_of_key);
    g_test_add_func("/plan/backfill/notes", test_notes);
    return g_test_run();
}
