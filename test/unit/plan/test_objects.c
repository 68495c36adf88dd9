/*
 * Views, functions, types, triggers, grants: what becomes of each statement, and which belong into one transaction.
 */
#include <string.h>

#include "fixture.h"

static Facts *
shop(void)
{
    Facts *facts = fixture_shop();

    fixture_objects(facts);
    return facts;
}

static void
shapes(const char *sql, const char *shape)
{
    g_autoptr(Facts) facts = shop();

    assert_shape(facts, sql, shape);
}

static void
refused(const char *sql, const char *message, const char *hint)
{
    g_autoptr(Facts) facts = shop();

    assert_refusal(facts, sql, message, hint);
}

static const Step *
step_at(const Plan *plan, guint i)
{
    g_assert_cmpuint(i, <, plan->steps->len);
    return g_ptr_array_index(plan->steps, i);
}

#define AX(table)  " [ACCESS EXCLUSIVE on shop." table ", instant]"
#define SRX(table) " [SHARE ROW EXCLUSIVE on shop." table ", instant]"
#define SUX(table) " [SHARE UPDATE EXCLUSIVE on shop." table ", instant]"
#define AS(table)  " [ACCESS SHARE on shop." table ", instant]"

static void
test_create(void)
{
    shapes("CREATE VIEW n AS SELECT id FROM users JOIN orders USING (id)", "expand ddl.run ." AS("users") AS("orders"));
    shapes("CREATE FUNCTION n() RETURNS int LANGUAGE sql AS 'SELECT 1'", "expand ddl.run .");
    shapes("CREATE TRIGGER n AFTER INSERT ON users EXECUTE FUNCTION touched()",
           "expand ddl.run shop.users" SRX("users"));
    shapes("CREATE POLICY n ON users USING (true)", "expand ddl.run shop.users" AX("users"));
    shapes("CREATE STATISTICS n ON id, name FROM users", "expand ddl.run shop.users" SUX("users"));
    shapes("CREATE MATERIALIZED VIEW n AS SELECT id FROM users", "expand ddl.run . [ACCESS SHARE on shop.users, scan]");
    /* Behind the change of rows that it follows in the file. */
    shapes("UPDATE users SET n = 1; CREATE TRIGGER t AFTER INSERT ON users EXECUTE FUNCTION touched()",
           "backfill backfill.update shop.users [ROW EXCLUSIVE on shop.users, batch]\n"
           "backfill ddl.run shop.users" SRX("users"));
    refused("CREATE VIEW adults AS SELECT 1", "view shop.adults exists already", "drop it before in this file");
    refused("CREATE VIEW n AS SELECT 1; CREATE VIEW n AS SELECT 2", "made by line 1 already", "leave one of them out");
    refused("CREATE TRIGGER t AFTER INSERT ON nosuch EXECUTE FUNCTION touched()", "table nosuch does not exist",
            "check the name");
}

static void
assert_undo(const char *sql, guint step, guint n, const char *undo)
{
    g_autoptr(Facts) facts = shop();
    g_autoptr(Plan) plan = must_plan(facts, sql);

    g_assert_cmpstr(step_get_nth(step_at(plan, step), PARAM_UNDO, n), ==, undo);
}

static void
test_undo(void)
{
    assert_undo("CREATE VIEW n AS SELECT 1", 0, 1, "DROP VIEW shop.n");
    assert_undo("CREATE FUNCTION n(a int, OUT b text, VARIADIC c \"Odd\"[]) AS ''", 0, 1,
                "DROP FUNCTION shop.n(pg_catalog.int4, \"Odd\"[])");
    assert_undo("CREATE AGGREGATE n (*) (SFUNC = f, STYPE = int)", 0, 1, "DROP AGGREGATE shop.n(*)");
    assert_undo("CREATE TYPE pub.\"T\" AS ENUM ('a')", 0, 1, "DROP TYPE pub.\"T\"");
    assert_undo("CREATE DOMAIN d AS int", 0, 1, "DROP DOMAIN shop.d");
    assert_undo("CREATE TRIGGER \"Odd\" AFTER INSERT ON users EXECUTE FUNCTION f()", 0, 1,
                "DROP TRIGGER \"Odd\" ON shop.users");
    assert_undo("CREATE CAST (int AS mood) WITH INOUT", 0, 1, "DROP CAST (pg_catalog.int4 AS mood)");
    assert_undo("CREATE OPERATOR <+> (LEFTARG = int, RIGHTARG = text, FUNCTION = f)", 0, 1,
                "DROP OPERATOR shop.<+> (pg_catalog.int4, text)");
    assert_undo("CREATE SCHEMA \"New\"", 0, 1, "DROP SCHEMA \"New\"");
    assert_undo("COMMENT ON TABLE orders IS 'x'", 0, 1, "COMMENT ON TABLE orders IS 'what people''s carts held'");
    assert_undo("COMMENT ON VIEW adults IS 'x'", 0, 1, "COMMENT ON VIEW adults IS NULL");
    assert_undo("GRANT SELECT ON orders TO a, PUBLIC", 0, 2, "REVOKE ALL ON TABLE shop.orders FROM PUBLIC");
    assert_undo("GRANT SELECT ON orders TO a", 0, 2, "GRANT ALL ON TABLE shop.orders TO keeper");
    assert_undo("ALTER TABLE orders RENAME state TO status", 0, 1,
                "ALTER TABLE shop.orders RENAME COLUMN status TO state");
    assert_undo("ALTER TABLE orders RENAME TO purchases", 0, 1, "ALTER TABLE shop.purchases RENAME TO orders");
    assert_undo("ALTER VIEW adults RENAME TO \"Grown\"", 0, 1, "ALTER VIEW shop.\"Grown\" RENAME TO adults");
    assert_undo("ALTER FUNCTION greet(text) RENAME TO hail", 0, 1, "ALTER FUNCTION shop.hail(text) RENAME TO greet");
    assert_undo("ALTER FUNCTION greet(text) SET SCHEMA pub", 0, 1, "ALTER FUNCTION pub.greet(text) SET SCHEMA shop");
    assert_undo("ALTER TYPE mood RENAME VALUE 'sad' TO 'low'", 0, 1,
                "ALTER TYPE shop.mood RENAME VALUE 'low' TO 'sad'");
    assert_undo("CREATE OR REPLACE FUNCTION greet(text) RETURNS text AS ''", 0, 1,
                "CREATE OR REPLACE FUNCTION shop.greet(who text) ...");
    assert_undo("ALTER TYPE mood ADD VALUE 'glad'", 0, 1, NULL);
}

static void
test_pairs(void)
{
    g_autoptr(Facts) facts = shop();
    g_autoptr(Plan) plan = must_plan(
        facts, "DROP VIEW seniors; DROP VIEW adults; CREATE VIEW adults AS SELECT 1; ALTER TABLE users ADD z int; "
               "CREATE VIEW seniors AS SELECT 2; GRANT SELECT ON seniors TO x");
    const Step *step = step_at(plan, 1);

    g_assert_cmpuint(plan->steps->len, ==, 2);
    g_assert_cmpint(step->phase, ==, PHASE_EXPAND);
    g_assert_cmpstr(step->sql, ==, "DROP VIEW seniors");
    g_assert_cmpstr(step_get_nth(step, PARAM_MORE, 1), ==, "DROP VIEW adults");
    g_assert_cmpstr(step_get_nth(step, PARAM_MORE, 4), ==, "GRANT SELECT ON seniors TO x");
    g_assert_cmpstr(step_get_nth(step, PARAM_UNDO, 1), ==, "DROP VIEW shop.seniors");
    g_assert_cmpstr(step_get_nth(step, PARAM_UNDO, 4), ==, "CREATE VIEW shop.seniors AS SELECT name FROM shop.adults");
    /* What is not made again goes in contract, and what it kept from being dropped waits for it. */
    shapes("DROP VIEW adults; CREATE VIEW adults AS SELECT 1", "expand ddl.run shop.adults" AX("adults"));
    shapes("DROP VIEW adults; DROP VIEW seniors; CREATE VIEW adults AS SELECT 1",
           "expand ddl.run shop.adults" AX("adults") "\ncontract ddl.final shop.seniors" AX("seniors"));
    shapes("DROP TRIGGER audit ON orders; CREATE TRIGGER audit AFTER INSERT ON orders EXECUTE FUNCTION touched()",
           "expand ddl.run shop.orders" AX("orders"));
    /* Nothing brings a sequence back. */
    shapes("DROP SEQUENCE numbers; CREATE SEQUENCE numbers", "contract ddl.final shop.numbers" AX("numbers"));
    refused("DROP VIEW adults; CREATE MATERIALIZED VIEW adults AS SELECT 1", "would be filled while", "another name");
    refused("DROP VIEW adults; COMMENT ON VIEW adults IS 'x'", "is dropped by line 1", "leave it out");
    refused("CREATE VIEW n AS SELECT 1; DROP VIEW n", "is made by line 1", "leave both out");
    refused("DROP VIEW adults; DROP VIEW adults", "is dropped by line 1 already", "leave it out");
}

static void
test_drop(void)
{
    g_autoptr(Facts) facts = shop();
    FactObject *greet = fixture_object(facts, "function", "greet(text)", 'f', NULL);

    fixture_follows(greet, "view shop.adults", "view", "adults", FALSE);
    fixture_follows(greet, "trigger t on table shop.users", "trigger", "users", FALSE);
    assert_refusal(facts, "DROP FUNCTION greet(text)",
                   "function shop.greet(text) cannot be dropped: it is used by view shop.adults, trigger t", "CASCADE");
    assert_shape(facts, "DROP FUNCTION greet(text) CASCADE", "contract ddl.final ." AX("adults") AX("users"));
    assert_refusal(facts, "DROP VIEW adults; DROP FUNCTION greet(text)", "used by trigger t on table shop.users",
                   "CASCADE");
    shapes("DROP VIEW IF EXISTS nosuch", "");
    shapes("DROP VIEW adults, seniors",
           "contract ddl.final shop.adults" AX("adults") "\ncontract ddl.final shop.seniors" AX("seniors"));
    refused("DROP VIEW orders", "view orders does not exist", NULL);
    refused("DROP MATERIALIZED VIEW nosuch", "materialized view nosuch does not exist", NULL);
    shapes("-- pgseam: allow opaque because it is empty\nTRUNCATE orders",
           "contract ddl.final shop.orders" AX("orders"));
}

static void
test_rename(void)
{
    shapes("ALTER TABLE orders RENAME state TO status", "contract ddl.run shop.orders" AX("orders"));
    shapes("ALTER TABLE orders RENAME TO o; CREATE VIEW n AS SELECT * FROM o",
           "contract ddl.run shop.orders" AX("orders") "\ncontract ddl.run .");
    /* No statement may find nothing under the old name. */
    shapes("ALTER TABLE orders RENAME TO o; CREATE VIEW orders AS SELECT 1",
           "contract ddl.run shop.orders" AX("orders"));
    refused("ALTER TABLE orders RENAME TO o; ALTER TABLE o ADD a int",
            "o is not there before the contract phase: line 1", "put this statement before that line");
    refused("ALTER TABLE orders RENAME state TO status; UPDATE orders SET status = 'x'",
            "status is not there before the contract phase: line 1", "put this statement before that line");
    refused("ALTER TABLE orders RENAME TO o; ALTER TABLE orders RENAME TO p", "renamed or moved by an earlier line",
            "a migration of its own");
    refused("ALTER TYPE mood RENAME VALUE 'nosuch' TO 'x'", "has no value \"nosuch\"", NULL);
    refused("ALTER TYPE mood ADD VALUE 'sad'", "has a value \"sad\" already", "IF NOT EXISTS");
    refused("ALTER VIEW nosuch RENAME TO x", "view nosuch does not exist", NULL);
}

static void
test_order(void)
{
    /* A comment stands behind what makes its object, whatever phase that is in. */
    shapes("CREATE INDEX i ON orders (total); COMMENT ON INDEX i IS 'x'",
           "expand index.create shop.orders [SHARE UPDATE EXCLUSIVE on shop.orders, build]\n"
           "expand ddl.run ." SUX("orders"));
    shapes("UPDATE users SET n = 1; CREATE INDEX i ON users (n); COMMENT ON INDEX i IS 'x'",
           "backfill backfill.update shop.users [ROW EXCLUSIVE on shop.users, batch]\n"
           "backfill index.create shop.users [SHARE UPDATE EXCLUSIVE on shop.users, build]\n"
           "backfill ddl.run ." SUX("users"));
    shapes("CREATE MATERIALIZED VIEW n AS SELECT 1; CREATE UNIQUE INDEX ON n (a)",
           "expand ddl.run .\nexpand ddl.run .");
    shapes("REVOKE SELECT ON orders FROM x", "contract ddl.run shop.orders");
    shapes("CREATE FUNCTION n() RETURNS int AS ''; REVOKE ALL ON FUNCTION n() FROM PUBLIC",
           "expand ddl.run .\nexpand ddl.run .");
    /* The last word is the last one in the end, too. */
    shapes("REVOKE ALL ON orders FROM x; GRANT SELECT ON orders TO x", "contract ddl.run shop.orders");
    shapes("GRANT SELECT ON orders TO x; REVOKE INSERT ON orders FROM x",
           "expand ddl.run shop.orders\ncontract ddl.run shop.orders");
    refused("CREATE TABLE fresh (a int); DROP TABLE IF EXISTS fresh", "table fresh is made by this file",
            "a migration of its own");
    refused("CREATE TABLE fresh (a int); ALTER TABLE IF EXISTS fresh RENAME TO x", "table fresh is made by this file",
            "from the beginning");
    refused("ALTER TABLE orders RENAME TO o; DROP TABLE IF EXISTS o", "not there before the contract phase",
            "of its own");
    refused("CREATE VIEW n AS SELECT 1; DROP VIEW IF EXISTS n", "is made by line 1", "leave both out");
    shapes("SET lock_timeout = '1s'; LOCK TABLE users; RESET ALL; SET client_encoding = 'UTF8'", "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/objects/create", test_create);
    g_test_add_func("/plan/objects/undo", test_undo);
    g_test_add_func("/plan/objects/pairs", test_pairs);
    g_test_add_func("/plan/objects/drop", test_drop);
    g_test_add_func("/plan/objects/rename", test_rename);
    g_test_add_func("/plan/objects/order", test_order);
    return g_test_run();
}
