/*
 * How a change of rows runs: by key, by blocks, once, by consent, or not at all.
 */
#include <string.h>

#include "fixture.h"

/* The way of the only data step: "key", "ctid", "once", "patient". */
static const char *
way_of(const Plan *plan)
{
    const Step *found = NULL;

    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(plan->steps, i);

        if (step_trait(step->kind)->tx != TX_BATCHED || step->phase == PHASE_CONTRACT)
            continue;
        g_assert_null(found);
        found = step;
    }
    g_assert_nonnull(found);
    if (found->kind == STEP_DML_ONCE)
        return step_is(found, PARAM_PATIENT) ? "patient" : step_is(found, PARAM_SMALL) ? "small" : "once";
    if (step_get(found, PARAM_WALK) != NULL)
        return step_get(found, PARAM_WALK);
    return "key";
}

static void
assert_way(Facts *facts, const char *sql, const char *way)
{
    g_autoptr(Plan) plan = must_plan(facts, sql);

    if (strcmp(way_of(plan), way) != 0)
        g_test_message("%s", sql);
    g_assert_cmpstr(way_of(plan), ==, way);
}

static void
test_update_and_delete(void)
{
    static const struct {
        const char *sql;
        const char *way;
    } cases[] = {
        {"UPDATE users SET n = n + 1", "key"},
        {"UPDATE ONLY users AS u SET n = u.n + 1 WHERE u.flag", "key"},
        {"UPDATE users SET n = DEFAULT", "key"},
        {"UPDATE users SET (n, email) = (1, lower(name))", "key"},
        {"UPDATE users SET (n, email) = (SELECT 1, 'x')", "key"},
        {"UPDATE users SET n = 1 RETURNING n", "key"},
        {"UPDATE users SET n = random()", "key"},
        {"UPDATE users SET email = p.c FROM pair AS p WHERE p.a = users.n", "key"},
        {"UPDATE users SET email = (SELECT p.c FROM pair p WHERE p.a = users.n LIMIT 1)", "key"},
        {"UPDATE users SET n = (SELECT max(total) FROM orders o WHERE o.user_id = users.id)", "key"},
        {"UPDATE users SET n = 1 WHERE NOT EXISTS (SELECT FROM pair WHERE a = n)", "key"},
        {"DELETE FROM users USING pair WHERE pair.a = users.n", "key"},
        {"UPDATE users SET email = v.mail FROM (VALUES (1, 'x')) AS v(id, mail) WHERE v.id = users.id", "key"},
        {"UPDATE pair SET c = shop.users.name FROM shop.users WHERE shop.users.id = shop.pair.a", "key"},
        {"DELETE FROM orders", "key"},
        /* Without a key: only what a changed row no longer matches. */
        {"UPDATE nokey SET b = 'x' WHERE b IS NULL", "ctid"},
        {"UPDATE nokey SET b = 'x' WHERE b = 'y' AND a > 1", "ctid"},
        {"UPDATE nokey SET b = 'x' WHERE b IS DISTINCT FROM 'x'", "ctid"},
        {"UPDATE nokey SET b = p.c FROM pair p WHERE p.a = nokey.a AND nokey.b IS NULL", "ctid"},
        {"DELETE FROM nokey WHERE a < 5", "ctid"},
        /* A statement that changes the key. */
        {"UPDATE users SET id = 7 WHERE id = 5", "ctid"},
        {"UPDATE pair SET \"Odd\" = 'x' WHERE \"Odd\" = 'y'", "ctid"},
        {"CREATE TABLE new (a int); UPDATE new SET a = 1", "once"},
        {"CREATE TABLE new (a int); DELETE FROM new", "once"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_way(NULL, cases[i].sql, cases[i].way);
}

typedef struct Refused {
    const char *sql;
    const char *message;
    const char *hint;
} Refused;

static void
assert_refused(const Refused *cases, gsize n)
{
    for (gsize i = 0; i < n; i++)
        assert_refusal(NULL, cases[i].sql, cases[i].message, cases[i].hint);
}

static void
test_refused(void)
{
    static const Refused cases[] = {
        {"UPDATE nokey SET a = a + 1", "has no key to walk it by", "give the table a primary key"},
        {"UPDATE nokey SET b = 'x' WHERE a = 1", "has no key to walk it by", "give the table a primary key"},
        {"UPDATE nokey SET b = lower(b) WHERE b = 'X'", "has no key to walk it by", "primary key"},
        {"UPDATE nokey SET b = 'x' WHERE b <> 'y'", "has no key to walk it by", "primary key"},
        {"UPDATE nokey SET b = 'x', a = a + 1 WHERE b IS NULL", "has no key to walk it by", "primary key"},
        {"DELETE FROM nokey", "has no key to walk it by", "primary key"},
        {"UPDATE users SET id = id + 1", "no key to walk it by that the statement does not change", "primary key"},
        {"UPDATE users SET n = u.n FROM users u WHERE u.id = users.boss", "reads table users, which it changes itself",
         "allow opaque"},
        {"UPDATE users SET n = (SELECT max(n) FROM users)", "reads table users, which it changes itself", "allow"},
        {"DELETE FROM users WHERE id IN (SELECT id FROM shop.users LIMIT 10)", "LIMIT or OFFSET", "allow opaque"},
        {"UPDATE users SET n = 1 WHERE n IN (SELECT a FROM pair LIMIT 10)", "LIMIT or OFFSET", "allow opaque"},
        {"UPDATE users SET n = 1 FROM adults", "adults is no table", "write the tables behind it"},
        {"UPDATE users SET n = 1 FROM zzz", "table zzz does not exist", "check the name"},
        {"UPDATE orders SET state = u.name FROM users u WHERE u.id = user_id", "orders has triggers", "allow opaque"},
        {"WITH p AS (SELECT * FROM pair) UPDATE users SET n = p.a FROM p", "UPDATE with WITH may not be split",
         "allow"},
        {"WITH p AS (DELETE FROM pair RETURNING a) UPDATE users SET n = p.a FROM p", "a WITH query that changes data",
         "allow"},
        {"UPDATE users SET n = (SELECT random())", "a volatile function in a join or a subquery", "allow"},
        {"UPDATE users SET n = 1 FROM pair WHERE random() > n", "the predicate calls a volatile function", "allow"},
        {"UPDATE users SET n = s.x FROM (SELECT random() AS x) s", "a volatile function in a join or a subquery",
         "allow"},
        {"DELETE FROM users WHERE ctid IN (SELECT ctid FROM pair)", "goes by ctid", "allow"},
        {"UPDATE users SET n = x FROM (SELECT row_number() OVER () AS x FROM pair) s", "a window function", "allow"},
        {"UPDATE users SET n = s.a FROM (SELECT a FROM pair FOR UPDATE) s", "FOR UPDATE", "allow"},
        {"UPDATE users SET n = count(*)", "an aggregate or window function is not allowed here", "in a subquery"},
        {"UPDATE parted SET a = 1", "parted has no key to walk it by", "primary key"},
        {"UPDATE parted SET a = 1 FROM parted_low l", "reads table parted_low, which it changes itself", "allow"},
        {"UPDATE ONLY parted SET a = 1", "none of the rows is its own", "write it for each table"},
        {"UPDATE users SET zzz = 1 FROM pair", "column \"zzz\" of table shop.users does not exist", NULL},
        {"UPDATE users SET n = users.zzz FROM pair", "column \"zzz\" of table shop.users does not exist", NULL},
        {"ALTER TABLE pair DROP c; UPDATE users SET email = p.c FROM pair p",
         "column \"c\" of table pair is dropped by an earlier statement", "put this statement before"},
    };

    assert_refused(cases, G_N_ELEMENTS(cases));
}

static void
test_insert_refused(void)
{
    static const Refused cases[] = {
        {"INSERT INTO orders SELECT * FROM pair", "orders has triggers", "allow opaque"},
        {"INSERT INTO pair SELECT a, b, b FROM nokey", "nokey has no key to walk it by", "give it a primary key"},
        {"INSERT INTO pair (a) SELECT max(n) FROM users", "computes max over all its rows", "allow opaque"},
        {"INSERT INTO pair (a) SELECT n FROM users ORDER BY id", "ORDER BY (leave it out", "allow opaque"},
        {"INSERT INTO pair (a) SELECT n FROM users LIMIT 5", "LIMIT or OFFSET", "allow opaque"},
        {"INSERT INTO pair (a) SELECT n FROM users GROUP BY n", "GROUP BY", "allow opaque"},
        {"INSERT INTO pair (a) SELECT DISTINCT n FROM users", "DISTINCT", "allow opaque"},
        {"INSERT INTO pair (a) SELECT n FROM users WHERE random() > 1", "the predicate calls a volatile", "allow"},
        {"INSERT INTO pair (a) SELECT (SELECT random()) FROM users", "a volatile function in a join or a subquery",
         "allow"},
        {"INSERT INTO pair (a) SELECT n FROM users WHERE NOT EXISTS (SELECT FROM pair)",
         "reads table pair, which it changes itself", "allow"},
        {"INSERT INTO pair (zzz) VALUES (1)", "column \"zzz\" of table shop.pair does not exist", NULL},
        {"ALTER TABLE pair DROP c; INSERT INTO pair VALUES (1, 'x')", "line 1 adds or drops a column",
         "write the columns"},
        {"INSERT INTO nokey SELECT * FROM users; ALTER TABLE users ADD k int", "line 1 adds or drops a column",
         "write the columns"},
        {"INSERT INTO nokey (a) SELECT n FROM users; ALTER TABLE nokey ALTER b SET DEFAULT 'x'",
         "line 1 sets a default", "behind it"},
        {"INSERT INTO adults VALUES (1)", "is a view", "allow opaque"},
        {"ALTER TABLE users DROP CONSTRAINT users_boss_fkey; INSERT INTO users (boss) VALUES (1)",
         "stands behind line 1, which waits for the contract phase", "a migration of its own"},
        {"INSERT INTO theirs VALUES (1)", "does not own table", "connect as"},
        {"CREATE TABLE new (a bigint); INSERT INTO new SELECT id FROM users; UPDATE new SET a = 1",
         "line 1 fills table new in batches", "let the INSERT bring"},
        {"CREATE TABLE new (a bigint); INSERT INTO new SELECT id FROM users; INSERT INTO pair (a) SELECT a FROM new",
         "line 1 fills table new in batches", "let the INSERT bring"},
    };

    assert_refused(cases, G_N_ELEMENTS(cases));
}

static void
test_insert(void)
{
    static const struct {
        const char *sql;
        const char *way;
    } cases[] = {
        {"INSERT INTO pair VALUES (1, 'x', 'y')", "once"},
        {"INSERT INTO pair (a) SELECT 1", "once"},
        {"INSERT INTO users DEFAULT VALUES", "once"},
        {"INSERT INTO orders (user_id) VALUES ((SELECT max(id) FROM users))", "once"},
        {"INSERT INTO pair (a, c) SELECT n, name FROM users WHERE flag", "key"},
        {"INSERT INTO pair (a, c) SELECT n, gen_random_uuid() FROM users ON CONFLICT DO NOTHING", "key"},
        {"INSERT INTO pair (a, c) SELECT o.user_id, u.name FROM orders AS o LEFT JOIN users u ON u.id = o.user_id",
         "key"},
        {"INSERT INTO pair (a) SELECT (SELECT max(o.id) FROM orders o WHERE o.user_id = u.id) FROM users u", "key"},
        {"CREATE TABLE new (a bigint); INSERT INTO new SELECT id FROM users", "key"},
        {"CREATE TABLE new (a bigint); INSERT INTO new VALUES (1)", "once"},
        {"INSERT INTO parted VALUES (1)", "once"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_way(NULL, cases[i].sql, cases[i].way);
}

/* A small table takes everything that is one statement. */
static void
test_small(void)
{
    static const struct {
        const char *sql;
        const char *way;
    } cases[] = {
        {"UPDATE nokey SET a = a + 1", "small"},
        {"DELETE FROM nokey", "small"},
        {"UPDATE nokey SET a = (SELECT max(a) FROM nokey)", "small"},
        {"DELETE FROM nokey WHERE a IN (SELECT a FROM nokey LIMIT 1)", "small"},
        {"UPDATE nokey SET a = 1 WHERE random() > a", "small"},
        {"WITH p AS (SELECT * FROM pair) UPDATE nokey SET a = p.a FROM p", "small"},
        {"UPDATE users SET id = id + 1", "small"},
        {"UPDATE nokey SET b = 'x' WHERE b IS NULL", "small"},
        {"UPDATE users SET n = n + 1", "key"},
        {"INSERT INTO pair (a) SELECT max(a) FROM nokey", "small"},
        {"INSERT INTO nokey SELECT DISTINCT a, b FROM nokey", "small"},
        {"DELETE FROM users WHERE random() > n", "small"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Facts *facts = fixture_shop();

        ((FactTable *)facts_find(facts, NULL, "nokey"))->is_small = TRUE;
        ((FactTable *)facts_find(facts, NULL, "users"))->is_small = TRUE;
        assert_way(facts, cases[i].sql, cases[i].way);
        facts_free(facts);
    }
}

static void
test_consent(void)
{
    assert_way(NULL, "-- pgseam: allow opaque because x\nUPDATE nokey SET a = a + 1", "patient");
    assert_way(NULL, "-- pgseam: allow opaque because x\nINSERT INTO pair (a) SELECT max(n) FROM users", "patient");
    assert_way(NULL, "-- pgseam: allow opaque because x\nUPDATE users SET n = 1", "key");
}

/* The tables that were small stay so for the plan: it is made again when it starts. */
static void
test_small_is_kept(void)
{
    static const char sql[] = "DELETE FROM nokey WHERE a = 1";
    Facts *facts = fixture_shop();
    g_autoptr(Plan) before = NULL;
    g_autoptr(Plan) grown = NULL;
    g_autoptr(Plan) again = NULL;

    ((FactTable *)facts_find(facts, NULL, "nokey"))->is_small = TRUE;
    before = must_plan(facts, sql);
    g_assert_cmpuint(before->small->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(before->small, 0), ==, "shop.nokey");
    ((FactTable *)facts_find(facts, NULL, "nokey"))->is_small = FALSE;
    grown = must_plan(facts, sql);
    g_assert_false(plan_same_steps(before, grown));
    facts_set_small(facts, before->small);
    again = must_plan(facts, sql);
    g_assert_true(plan_same_steps(before, again));
    facts_free(facts);
}

/* Locks of other tables: what is read, what foreign keys look at. */
static void
test_locks(void)
{
    assert_shape(NULL, "UPDATE users SET email = p.c FROM pair p WHERE p.a = n",
                 "backfill backfill.update shop.users [ROW EXCLUSIVE on shop.users, batch] [ACCESS SHARE on shop.pair, "
                 "batch]");
    assert_shape(NULL, "DELETE FROM users WHERE n = 1",
                 "backfill backfill.delete shop.users [ROW EXCLUSIVE on shop.users, batch] [ROW SHARE on shop.orders, "
                 "batch]");
    assert_shape(NULL, "INSERT INTO orders (user_id) VALUES (1)",
                 "expand dml.once shop.orders [ROW EXCLUSIVE on shop.orders, batch] [ROW SHARE on shop.users, batch]");
    assert_shape(NULL, "INSERT INTO pair (a) SELECT user_id FROM orders",
                 "backfill backfill.insert shop.pair [ROW EXCLUSIVE on shop.pair, batch] [ACCESS SHARE on shop.orders, "
                 "batch]");
    /* Behind a backfill an INSERT keeps its place. */
    assert_shape(NULL, "UPDATE users SET n = 1; INSERT INTO pair (a) VALUES (1)",
                 "backfill backfill.update shop.users [ROW EXCLUSIVE on shop.users, batch]\n"
                 "backfill dml.once shop.pair [ROW EXCLUSIVE on shop.pair, batch]");
}

/* The sweep of a statement that runs by blocks, or once, runs so as well. */
static void
test_sweeps(void)
{
    Facts *facts = fixture_shop();

    assert_shape(facts, "ALTER TABLE nokey ADD k int; UPDATE nokey SET k = 1 WHERE k IS NULL; ALTER TABLE nokey DROP b",
                 "expand column.add shop.nokey [ACCESS EXCLUSIVE on shop.nokey, instant]\n"
                 "backfill backfill.update shop.nokey [ROW EXCLUSIVE on shop.nokey, batch]\n"
                 "contract backfill.update shop.nokey [ROW EXCLUSIVE on shop.nokey, batch]\n"
                 "contract column.drop shop.nokey [ACCESS EXCLUSIVE on shop.nokey, instant]");
    ((FactTable *)facts_find(facts, NULL, "nokey"))->is_small = TRUE;
    assert_shape(facts, "ALTER TABLE nokey ADD k int; UPDATE nokey SET k = 1 WHERE k IS NULL; ALTER TABLE nokey DROP b",
                 "expand column.add shop.nokey [ACCESS EXCLUSIVE on shop.nokey, instant]\n"
                 "backfill dml.once shop.nokey [ROW EXCLUSIVE on shop.nokey, batch]\n"
                 "contract dml.once shop.nokey [ROW EXCLUSIVE on shop.nokey, batch]\n"
                 "contract column.drop shop.nokey [ACCESS EXCLUSIVE on shop.nokey, instant]");
    facts_free(facts);
    assert_refusal(
        NULL,
        "ALTER TABLE users ADD k text; UPDATE users SET k = (SELECT p.c FROM pair p WHERE p.a = users.n) WHERE "
        "k IS NULL; UPDATE pair SET c = 'x'; ALTER TABLE users DROP email",
        "this statement changes table pair, which the statement on line 1 reads when it is swept",
        "a migration of its own");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/dml/update_and_delete", test_update_and_delete);
    g_test_add_func("/plan/dml/refused", test_refused);
    g_test_add_func("/plan/dml/insert_refused", test_insert_refused);
    g_test_add_func("/plan/dml/insert", test_insert);
    g_test_add_func("/plan/dml/small", test_small);
    g_test_add_func("/plan/dml/consent", test_consent);
    g_test_add_func("/plan/dml/small_is_kept", test_small_is_kept);
    g_test_add_func("/plan/dml/locks", test_locks);
    g_test_add_func("/plan/dml/sweeps", test_sweeps);
    return g_test_run();
}
