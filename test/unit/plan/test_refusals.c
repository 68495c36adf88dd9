/*
 * What the planner refuses, in which words, with which way out; and that it says all of it at once.
 */
#include <string.h>

#include "base/error.h"
#include "fixture.h"
#include "plan/planner.h"

typedef struct Refusal {
    const char *sql;
    const char *message;
    const char *hint; /* NULL: there is none */
} Refusal;

static void
assert_refusals(const Refusal *cases, guint n)
{
    for (guint i = 0; i < n; i++)
        assert_refusal(NULL, cases[i].sql, cases[i].message, cases[i].hint);
}

static void
test_tables(void)
{
    static const Refusal cases[] = {
        {"ALTER TABLE zzz ADD a int", "table zzz does not exist (search_path: shop, public)", "check the name"},
        {"ALTER TABLE other.users ADD a int", "table other.users does not exist", "check the name"},
        {"ALTER TABLE adults ADD a int", "adults is a view: this statement is not supported", "allow opaque"},
        {"ALTER TABLE ONLY parted ADD c int", "would leave its partitions behind", "leave ONLY out"},
        {"ALTER TABLE parted_low ADD c int", "ADD COLUMN on shop.parted_low: its columns are those of shop.parted",
         "that reaches all its partitions"},
        {"ALTER TABLE parted DROP a", "part of the partition key of shop.parted: RANGE (a)", "made anew"},
        {"ALTER TABLE parted ALTER b SET NOT NULL; ALTER TABLE parted_low ALTER b DROP DEFAULT; ALTER TABLE parted_low "
         "ALTER b SET NOT NULL",
         "line 1 changes the NOT NULL of column \"b\" already", "write only the one"},
        {"REINDEX DATABASE shop", "rebuilds the indexes of system catalogs, too", "REINDEX SCHEMA"},
        {"REINDEX (TABLESPACE fast) INDEX users_email_idx", "REINDEX (TABLESPACE ...) is not yet supported",
         "leave it out"},
        {"REINDEX SCHEMA zzz", "schema \"zzz\" does not exist", NULL},
        {"REFRESH MATERIALIZED VIEW users", "shop.users is not a materialized view", NULL},
        {"UPDATE parted SET b = NULL", "table parted has no key to walk it by", "allow opaque"},
        {"ALTER TABLE theirs ADD b int", "role \"keeper\" does not own table theirs: it belongs to \"somebody\"",
         "connect as somebody, or have it GRANT somebody TO keeper"},
        {"CREATE TABLE users (id int)", "relation shop.users exists already", NULL},
        {"CREATE TEMP TABLE new (a int)", "CREATE TABLE with TEMPORARY is not yet supported", NULL},
    };

    assert_refusals(cases, G_N_ELEMENTS(cases));
}

/* Kinds of tables that need facts of their own. */
static void
test_kinds_of_tables(void)
{
    g_autoptr(Facts) facts = fixture_shop();
    FactTable *users = (FactTable *)facts_find(facts, NULL, "users");

    users->has_children = TRUE;
    assert_refusal(facts, "UPDATE users SET n = 1", "users has inheritance children", "allow opaque");
    users->has_children = FALSE;
    users->is_derived = TRUE;
    users->is_typed = TRUE;
    assert_refusal(facts, "ALTER TABLE users ADD a int", "which is a typed table", "ALTER TYPE");
    users->is_typed = FALSE;
    users->is_derived = FALSE;
    users->persistence = 't';
    assert_refusal(facts, "ALTER TABLE users ADD a int", "users is a temporary table", NULL);
    users->persistence = 'p';
    g_free(users->schema);
    users->schema = g_strdup("pg_catalog");
    assert_refusal(facts, "UPDATE users SET n = 1", "is a system catalog", NULL);
}

/* facts_find() maps an index to its table; that is for DROP INDEX, and not a way to name the table. */
static void
test_an_index_is_no_table(void)
{
    assert_refusal(NULL, "ALTER TABLE users_email_idx ADD a int", "users_email_idx", NULL);
    assert_refusal(NULL, "UPDATE users_email_idx SET n = 1 WHERE n = 0", "users_email_idx", NULL);
    assert_refusal(NULL, "CREATE INDEX ON users_email_idx (n)", "users_email_idx", NULL);
}

static void
test_twice_in_one_file(void)
{
    assert_refusal(NULL, "CREATE TABLE new (a int); CREATE TABLE new (b int)", "new", NULL);
    assert_refusal(NULL, "ALTER TABLE users ADD a int; ALTER TABLE users ADD a int",
                   "\"a\" of table users exists already", NULL);
    assert_refusal(NULL, "CREATE INDEX i ON users (n); CREATE INDEX i ON orders (id)", "relation shop.i exists already",
                   "another name");
    assert_refusal(NULL, "ALTER TABLE users DROP email; ALTER TABLE users DROP email",
                   "is dropped by an earlier statement", "put this statement before");
    assert_refusal(NULL, "DROP INDEX users_email_idx; DROP INDEX users_email_idx", "is dropped by an earlier statement",
                   "leave it out");
}

/* What a change of rows needs must not wait behind the gate. */
static void
test_change_behind_contract(void)
{
    assert_refusal(NULL, "ALTER TABLE users DISABLE TRIGGER x; UPDATE users SET n = 1", "it would run before it",
                   "migration of its own");
    assert_refusal(NULL, "ALTER TABLE users DISABLE TRIGGER x; ALTER TABLE users ENABLE TRIGGER x",
                   "line 1 changes the triggers of table users already", "migrations of their own");
    assert_refusal(NULL, "ALTER TABLE orders DROP CONSTRAINT orders_user_id_fkey; UPDATE orders SET user_id = 5",
                   "it would run before it", "migration of its own");
    assert_refusal(NULL, "ALTER TABLE users ALTER amount ADD GENERATED ALWAYS AS IDENTITY", "must be NOT NULL before",
                   "SET NOT NULL before");
}

/* What the phases would turn round is refused. */
static void
test_order_that_phases_would_turn_round(void)
{
    static const Refusal cases[] = {
        {"ALTER TABLE users ALTER n DROP DEFAULT; ALTER TABLE users ALTER n SET DEFAULT 5",
         "line 1 changes the default", "write only the one"},
        {"ALTER TABLE users ALTER n DROP NOT NULL; ALTER TABLE users ALTER n SET NOT NULL", "line 1 changes the",
         "write only the one"},
        {"ALTER TABLE users ALTER email SET NOT NULL; ALTER TABLE users ALTER email DROP NOT NULL",
         "line 1 changes the", "write only the one"},
        {"ALTER TABLE users ALTER email SET NOT NULL; ALTER TABLE users ALTER email SET NOT NULL", "line 1 changes the",
         "write only the one"},
        {"ALTER TABLE users DROP old_column; UPDATE users SET n = 1 WHERE old_column = 'x'",
         "column \"old_column\" of table shop.users is dropped by an earlier statement, but only in the contract phase",
         "put this statement before the one that drops the column"},
        {"ALTER TABLE users DROP old_column; ALTER TABLE users ADD old_column int",
         "column \"old_column\" of table users exists already", "its DROP runs in the contract phase"},
        {"ALTER TABLE users DROP old_column; CREATE INDEX ON users (old_column)", "is dropped by an earlier statement",
         "put this statement before"},
        {"ALTER TABLE users DROP email; ALTER TABLE users ALTER email SET NOT NULL",
         "is dropped by an earlier statement", "put this statement before"},
        {"DROP INDEX users_email_idx; CREATE INDEX users_email_idx ON users (n)",
         "relation shop.users_email_idx exists already", "its DROP runs in the contract phase"},
        {"DROP INDEX users_email_idx; CREATE INDEX IF NOT EXISTS users_email_idx ON users (n)",
         "relation shop.users_email_idx exists already", "its DROP runs in the contract phase"},
        {"ALTER TABLE users DROP old_column;\n-- pgseam: allow opaque because x\nGRANT SELECT ON users TO y",
         "its order cannot be kept", "put it before them"},
        {"ALTER TABLE users ADD a int; ALTER TABLE users DROP a", "is added in this same file and dropped again",
         "leave it out"},
    };

    assert_refusals(cases, G_N_ELEMENTS(cases));
}

static void
test_columns(void)
{
    static const Refusal cases[] = {
        {"ALTER TABLE users ADD a unheard", "type unheard does not exist", "check the name"},
        {"ALTER TABLE users ADD a int NOT NULL", "ADD COLUMN a NOT NULL without a default", "give it a DEFAULT"},
        {"ALTER TABLE users ADD a int DEFAULT NULL NOT NULL", "ADD COLUMN a NOT NULL without a default",
         "give it a DEFAULT"},
        {"ALTER TABLE users ADD name text", "column \"name\" of table users exists already", NULL},
        {"ALTER TABLE users DROP zzz", "column \"zzz\" of table shop.users does not exist", NULL},
        {"ALTER TABLE users DROP Email2", "column \"email2\" of table shop.users does not exist",
         "perhaps you mean \"email\""},
        {"ALTER TABLE users DROP \"NAME\"", "column \"NAME\" of table shop.users does not exist",
         "perhaps you mean \"name\""},
        {"ALTER TABLE users DROP name", "column \"name\" is used by view shop.adults", "drop or change these first"},
        {"ALTER TABLE users DROP id CASCADE", "column \"id\" is used by constraint orders_user_id_fkey",
         "drop or change these first"},
        {"ALTER TABLE users ALTER shown SET DEFAULT 'x'", "column \"shown\" is generated", NULL},
        {"ALTER TABLE users ALTER seq DROP DEFAULT", "column \"seq\" is an identity column", NULL},
        {"ALTER TABLE users ALTER id DROP NOT NULL", "column \"id\" is in the primary key", NULL},
        {"ALTER TABLE users ALTER zzz SET NOT NULL", "column \"zzz\" of table shop.users does not exist", NULL},
        {"ALTER TABLE users ALTER n TYPE int USING n + 1", "USING n + 1 has no known way back",
         "-- pgseam: down n = expression"},
        {"ALTER TABLE users ADD a int GENERATED ALWAYS AS (n + 1) STORED UNIQUE", "a generated column with constraints",
         "by statements of their own"},
        {"ALTER TABLE users ADD CONSTRAINT c CHECK (zzz > 0)", "column \"zzz\" of table shop.users does not exist",
         NULL},
        {"ALTER TABLE users ADD CONSTRAINT c CHECK (n > (SELECT 1))", "a CHECK cannot have a subquery", NULL},
        {"ALTER TABLE users ADD FOREIGN KEY (n) REFERENCES unheard", "the referenced table unheard does not exist",
         "check the name"},
        {"ALTER TABLE users ADD FOREIGN KEY (n) REFERENCES users (amount)", "no unique constraint matching",
         "primary key"},
        {"ALTER TABLE users ADD FOREIGN KEY (n, id) REFERENCES users", "has 2 columns, the referenced key", NULL},
        {"ALTER TABLE users ADD PRIMARY KEY (n)", "has a primary key already", "in the same file"},
        {"ALTER TABLE users ADD UNIQUE (zzz)", "column \"zzz\" of table shop.users does not exist", NULL},
        {"ALTER TABLE users ADD UNIQUE USING INDEX zzz", "index \"zzz\" of table users does not exist", NULL},
        {"ALTER TABLE users ADD EXCLUDE USING gist (n WITH =)", "a name of its own", "ADD CONSTRAINT name"},
        {"ALTER TABLE users VALIDATE CONSTRAINT zzz", "constraint \"zzz\" of table users does not exist", NULL},
        {"ALTER TABLE users DROP CONSTRAINT zzz", "constraint \"zzz\" of table users does not exist", NULL},
        {"ALTER TABLE users ADD CONSTRAINT c CHECK (n > 0), ADD CONSTRAINT c CHECK (n > 1)",
         "constraint \"c\" of table users exists already", NULL},
        {"ALTER TABLE nokey SET UNLOGGED", "needs online rewrite, and table shop.nokey has no usable key", "UNIQUE"},
        {"-- pgseam: up a = 1\nALTER TABLE users DROP gone", "\"up\" stands above an ALTER TABLE with one ADD COLUMN",
         "UPDATE"},
        {"-- pgseam: up 1\nALTER TABLE users ADD a int NOT NULL", "not an assignment", "up column = expression"},
    };

    assert_refusals(cases, G_N_ELEMENTS(cases));
}

static void
test_indexes(void)
{
    static const Refusal cases[] = {
        {"CREATE INDEX ON users (zzz)", "column \"zzz\" of table shop.users does not exist", NULL},
        {"CREATE INDEX users_email_idx ON users (n)", "relation shop.users_email_idx exists already", "another name"},
        {"CREATE INDEX orders ON users (n)", "relation shop.orders exists already", "another name"},
        {"CREATE INDEX IF NOT EXISTS orders ON users (n)", "relation shop.orders exists already", "another name"},
        {"CREATE INDEX users_broken ON users (n)", "it is INVALID", "DROP INDEX CONCURRENTLY"},
        {"CREATE INDEX IF NOT EXISTS users_broken ON users (n)", "it is INVALID", "DROP INDEX CONCURRENTLY"},
        {"DROP INDEX zzz", "index \"zzz\" does not exist (search_path: shop, public)", NULL},
        {"DROP INDEX users_pkey", "index \"users_pkey\" belongs to constraint \"users_pkey\"",
         "drop the constraint instead"},
        {"DROP INDEX users_replica", "is the replica identity of its table", "another replica identity"},
        {"DROP INDEX users", "\"users\" is not an index", NULL},
        {"DROP INDEX users_email_idx CASCADE", "DROP INDEX ... CASCADE is not yet supported", "leave CASCADE out"},
    };

    assert_refusals(cases, G_N_ELEMENTS(cases));
}

static void
test_dml(void)
{
    static const Refusal cases[] = {
        {"UPDATE users SET shown = 'x'", "column \"shown\" is generated", NULL},
        {"UPDATE users SET zzz = 1", "column \"zzz\" of table shop.users does not exist", NULL},
        {"UPDATE users SET n = zzz", "column \"zzz\" of table shop.users does not exist", NULL},
        {"UPDATE users SET n = 1 WHERE zzz", "column \"zzz\" of table shop.users does not exist", NULL},
        {"UPDATE users SET n = $1", "there is no parameter $n in a migration", "write the value"},
        {"UPDATE users SET n = 1 WHERE n = $1", "there is no parameter $n in a migration", "write the value"},
        {"UPDATE users SET n = 1 WHERE random() > amount", "calls a volatile function", "allow opaque"},
        {"DELETE FROM users WHERE unheard(n)", "calls a volatile function", "allow opaque"},
        {"ALTER TABLE users ADD a int; UPDATE users SET a = 1 WHERE a IS NULL; UPDATE users SET a = NULL WHERE a = 1; "
         "ALTER TABLE users DROP email",
         "changes column \"a\", by which the statement on line 1 is swept", "a migration of its own"},
    };

    assert_refusals(cases, G_N_ELEMENTS(cases));
}

static void
test_other(void)
{
    static const Refusal cases[] = {
        {"FROB", "syntax error at or near \"FROB\"", "allow opaque"},
        {"CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()", "CREATE EVENT is not yet supported",
         "allow opaque"},
        {"CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p", "subscriptions reach other servers", "by hand"},
        {"SECURITY LABEL ON TABLE users IS 'x'", "security labels belong to a module", "by hand"},
        {"CREATE ROLE r", "about the whole server", "by hand"},
        {"ALTER SYSTEM SET work_mem = 1", "about the whole server", "by hand"},
        {"CREATE DATABASE d", "about the whole server", "by hand"},
        {"GRANT a TO b", "about the whole server", "by hand"},
        {"VACUUM users", "cannot run in a transaction", "autovacuum"},
        {"CLUSTER users", "cannot run in a transaction", "autovacuum"},
        {"ANALYZE", "ANALYZE of the whole database", "name the tables"},
        {"DO $$ BEGIN NULL; END $$", "nobody knows from its text", "allow opaque"},
        {"CALL p()", "nobody knows from its text", "allow opaque"},
        {"SELECT setval('s', 1)", "nobody knows from its text", "allow opaque"},
        {"SELECT pg_catalog.set_config('search_path', '', false)", "would mean something else", "ALTER ROLE"},
        {"SET search_path = shop", "would mean something else", "write the schemas"},
        {"SET ROLE x", "as another role", "connect as that role"},
        {"SET work_mem = '1GB'", "sessions of their own", "ALTER ROLE"},
        {"SET client_encoding = 'LATIN1'", "client_encoding", "ALTER ROLE"},
        {"LISTEN x", "only on the session", "leave it out"},
        {"DISCARD ALL", "only on the session", "leave it out"},
        {"PREPARE p AS SELECT 1", "only on the session", "leave it out"},
        {"SET CONSTRAINTS ALL DEFERRED", "a transaction of its own", "leave it out"},
        {"COPY users TO '/tmp/x'", "do not go through a migration", "psql"},
        {"TRUNCATE users", "takes away all rows", "allow opaque"},
        {"CREATE TEMPORARY VIEW v AS SELECT 1", "TEMPORARY is not yet supported", "allow opaque"},
        {"CREATE SCHEMA s CREATE TABLE t (a int)", "elements in it is not yet supported", "allow opaque"},
        {"CREATE EXTENSION e CASCADE", "CASCADE is not yet supported", "allow opaque"},
        {"CREATE PUBLICATION p FOR ALL TABLES", "FOR ALL TABLES is not yet supported", "allow opaque"},
        {"DROP VIEW nosuch", "view nosuch does not exist", NULL},
        {"ALTER TABLE nosuch RENAME TO x", "table nosuch does not exist", NULL},
        {"COMMENT ON TABLE nosuch IS 'x'", "table nosuch does not exist", "check the name"},
        {"GRANT SELECT ON nosuch TO x", "table nosuch does not exist", "check the name"},
        {"ALTER VIEW nosuch SET (security_barrier)", "view nosuch does not exist", NULL},
        {"MERGE INTO users USING orders ON true WHEN MATCHED THEN DELETE", "MERGE INTO is not yet supported",
         "allow opaque"},
        {"ROLLBACK", "ROLLBACK: each step commits on its own", "pgseam rollback"},
        {"BEGIN; ALTER TABLE users ADD a int", "BEGIN without a COMMIT", "write COMMIT behind"},
        {"-- pgseam: allow opaque because x\nSET search_path = shop", "would mean something else", "write the schemas"},
        {"-- pgseam: allow opaque because x\nSELECT set_config('search_path', '', false)", "would mean something else",
         "write the schemas"},
        {"-- pgseam: allow opaque because x\nVACUUM users", "cannot run in a transaction", "autovacuum"},
        {"SAVEPOINT x", "SAVEPOINT", "leave it out"},
    };

    assert_refusals(cases, G_N_ELEMENTS(cases));
}

static void
test_all_at_once(void)
{
    g_autoptr(Facts) facts = fixture_shop();
    g_autoptr(GError) error = NULL;
    g_autoptr(Script) script = script_read(
        "m.sql", "ALTER TABLE users ADD a unheard;\nSELECT 1;\n  ALTER TABLE users ADD b int,\n  DROP zzz;\nFROB x;\n",
        NULL);
    g_autoptr(Plan) plan = planner_build(script, facts, &error);

    g_assert_null(plan);
    g_assert_cmpstr(error->message, ==, "m.sql: 4 of 4 statements cannot be run; nothing has been changed");
    g_assert_cmpint(seam_error_exit_status(error), ==, 3);
    g_assert_true(g_str_has_prefix(seam_error_get_detail(error), "m.sql:1:23\n") ||
                  g_str_has_prefix(seam_error_get_detail(error), "m.sql:1:19\n"));
    g_assert_nonnull(strstr(seam_error_get_detail(error), "\n\nm.sql:2:1\nSELECT 1;\n^\n"));
    g_assert_nonnull(strstr(seam_error_get_detail(error), "\n\nm.sql:4:3\n  DROP zzz;\n  ^\n"));
    g_assert_nonnull(strstr(seam_error_get_detail(error), "\n\nm.sql:5:1\nFROB x;\n^\nsyntax error"));
}

/* A predicate that PostgreSQL spells with words is as immutable as its operators. */
static void
test_operators_spelled_with_words(void)
{
    static const char *const wheres[] = {"n BETWEEN 1 AND 5", "n NOT BETWEEN 1 AND 5", "n BETWEEN SYMMETRIC 5 AND 1",
                                         "n IN (1, 2)",       "name LIKE 'x%'",        "n IS DISTINCT FROM 5",
                                         "nullif(n, 1) = 2",  "n = ANY ('{1,2}')",     "flag IS TRUE",
                                         "(n, id) > (1, 2)",  "name <> ALL ('{a}')",   "greatest(n, 1) > 2"};

    for (guint i = 0; i < G_N_ELEMENTS(wheres); i++) {
        g_autofree char *sql = g_strconcat("UPDATE users SET n = 1 WHERE ", wheres[i], NULL);
        g_autoptr(Plan) plan = must_plan(NULL, sql);
        g_assert_cmpuint(plan->steps->len, ==, 1);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/refusals/tables", test_tables);
    g_test_add_func("/plan/refusals/kinds_of_tables", test_kinds_of_tables);
    g_test_add_func("/plan/refusals/an_index_is_no_table", test_an_index_is_no_table);
    g_test_add_func("/plan/refusals/twice_in_one_file", test_twice_in_one_file);
    g_test_add_func("/plan/refusals/change_behind_contract", test_change_behind_contract);
    g_test_add_func("/plan/refusals/order_that_phases_would_turn_round", test_order_that_phases_would_turn_round);
    g_test_add_func("/plan/refusals/columns", test_columns);
    g_test_add_func("/plan/refusals/indexes", test_indexes);
    g_test_add_func("/plan/refusals/dml", test_dml);
    g_test_add_func("/plan/refusals/other", test_other);
    g_test_add_func("/plan/refusals/all_at_once", test_all_at_once);
    g_test_add_func("/plan/refusals/operators_spelled_with_words", test_operators_spelled_with_words);
    return g_test_run();
}
