/*
 * Each recipe: its steps with their phase, order and locks; what it notes; what it does where nothing is to do.
 */
#include <string.h>

#include "fixture.h"

#define AX(table)        " [ACCESS EXCLUSIVE on shop." table ", instant]"
#define SUX(table, hold) " [SHARE UPDATE EXCLUSIVE on shop." table ", " hold "]"
#define RX(table)        " [ROW EXCLUSIVE on shop." table ", batch]"

static gboolean
has_note(const Plan *plan, const char *part)
{
    for (guint i = 0; i < plan->notes->len; i++) {
        if (strstr(g_ptr_array_index(plan->notes, i), part) != NULL)
            return TRUE;
    }
    return FALSE;
}

static void
assert_note(const char *sql, const char *part)
{
    g_autoptr(Plan) plan = must_plan(NULL, sql);

    if (!has_note(plan, part))
        g_test_message("%s: no note \"%s\"", sql, part);
    g_assert_true(has_note(plan, part));
}

static const Step *
step_at(const Plan *plan, guint i)
{
    g_assert_cmpuint(i, <, plan->steps->len);
    return g_ptr_array_index(plan->steps, i);
}

static void
test_add_column(void)
{
    g_autoptr(Plan) plan = must_plan(NULL, "ALTER TABLE users ADD COLUMN age int DEFAULT 18 NOT NULL");

    assert_shape(NULL, "ALTER TABLE users ADD age int", "expand column.add shop.users" AX("users"));
    assert_shape(NULL, "ALTER TABLE shop.users ADD age int DEFAULT now()", "expand column.add shop.users" AX("users"));
    assert_shape(NULL, "ALTER TABLE users ADD IF NOT EXISTS name text", "");
    assert_note("ALTER TABLE users ADD IF NOT EXISTS name text", "is there already, nothing to do");
    assert_note("ALTER TABLE users ADD age int", "cached plan must not change result type");
    g_assert_cmpstr(step_at(plan, 0)->sql, ==, "ALTER TABLE users ADD COLUMN age int DEFAULT 18 NOT NULL");
    g_assert_cmpstr(step_get(step_at(plan, 0), PARAM_COLUMN), ==, "age");
    g_assert_cmpint(step_at(plan, 0)->line, ==, 1);
}

static void
test_several_subcommands(void)
{
    g_autoptr(Plan) plan = must_plan(
        NULL, "ALTER TABLE ONLY users ADD a numeric(10,2), DROP old_column, ADD b int DEFAULT coalesce(1, 2)");

    g_assert_cmpuint(plan->steps->len, ==, 3);
    g_assert_cmpstr(step_at(plan, 0)->sql, ==, "ALTER TABLE ONLY users ADD a numeric(10,2)");
    g_assert_cmpstr(step_at(plan, 1)->sql, ==, "ALTER TABLE ONLY users ADD b int DEFAULT coalesce(1, 2)");
    g_assert_cmpstr(step_at(plan, 2)->sql, ==, "ALTER TABLE ONLY users DROP old_column");
    g_assert_cmpint(step_at(plan, 2)->phase, ==, PHASE_CONTRACT);
}

static void
test_drop_column(void)
{
    assert_shape(NULL, "ALTER TABLE users DROP old_column", "contract column.drop shop.users" AX("users"));
    assert_shape(NULL, "ALTER TABLE orders DROP user_id", "contract column.drop shop.orders" AX("orders") AX("users"));
    assert_shape(NULL, "ALTER TABLE users DROP boss", "contract column.drop shop.users" AX("users"));
    assert_shape(NULL, "ALTER TABLE users DROP IF EXISTS nothing", "");
    assert_note("ALTER TABLE users DROP email", "with column \"email\" go index users_email_idx");
    assert_note("ALTER TABLE orders DROP user_id",
                "with column \"user_id\" go constraint orders_user_id_fkey, index orders_user_id_idx");
    assert_note("ALTER TABLE users DROP IF EXISTS nothing", "nothing to do");
}

static void
test_defaults(void)
{
    g_autoptr(Plan) plan = must_plan(NULL, "ALTER TABLE users ALTER n SET DEFAULT 5;");
    g_autoptr(Plan) added =
        must_plan(NULL, "ALTER TABLE users ADD a int DEFAULT 1; ALTER TABLE users ALTER a SET DEFAULT 2;");

    assert_shape(NULL, "ALTER TABLE users ALTER n SET DEFAULT 5", "expand column.set_default shop.users" AX("users"));
    assert_shape(NULL, "ALTER TABLE users ALTER n DROP DEFAULT", "contract column.drop_default shop.users" AX("users"));
    g_assert_cmpstr(step_get(step_at(plan, 0), PARAM_OLD_DEFAULT), ==, "0");
    g_assert_cmpstr(step_get(step_at(added, 1), PARAM_OLD_DEFAULT), ==, "1");
}

static void
test_not_null(void)
{
    g_autoptr(Plan) plan = must_plan(NULL, "ALTER TABLE users ALTER \"Odd \"\"one\"\"\" SET NOT NULL");

    assert_shape(NULL, "ALTER TABLE users ALTER email SET NOT NULL",
                 "contract check.add_not_valid shop.users" AX(
                     "users") "\n"
                              "contract check.validate shop.users" SUX(
                                  "users", "scan") "\n"
                                                   "contract column.set_not_null shop.users" AX("users"));
    assert_shape(NULL, "ALTER TABLE users ALTER n DROP NOT NULL", "expand column.drop_not_null shop.users" AX("users"));
    assert_note("ALTER TABLE users ALTER n SET NOT NULL", "is NOT NULL already");
    assert_note("ALTER TABLE users ALTER email DROP NOT NULL", "allows NULL already");
    g_assert_cmpstr(step_at(plan, 0)->sql, ==,
                    "ALTER TABLE shop.users ADD CONSTRAINT \"pgseam_not_null_users_Odd \"\"one\"\"\" CHECK (\"Odd "
                    "\"\"one\"\"\" IS NOT NULL) NOT VALID");
    g_assert_cmpstr(step_at(plan, 2)->sql, ==, "ALTER TABLE users ALTER \"Odd \"\"one\"\"\" SET NOT NULL");
}

static void
test_create_table(void)
{
    assert_shape(NULL, "CREATE TABLE new (id bigint PRIMARY KEY)",
                 "expand table.create shop.new [ACCESS EXCLUSIVE on shop.new, instant]");
    assert_shape(NULL, "CREATE TABLE IF NOT EXISTS users (id bigint)", "");
    assert_shape(NULL, "CREATE TABLE new (id int); CREATE INDEX ON new (id); ALTER TABLE new ADD a int;",
                 "expand table.create shop.new [ACCESS EXCLUSIVE on shop.new, instant]\n"
                 "expand index.create shop.new [SHARE UPDATE EXCLUSIVE on shop.new, build]\n"
                 "expand column.add shop.new [ACCESS EXCLUSIVE on shop.new, instant]");
    assert_note("CREATE TABLE IF NOT EXISTS users (id bigint)", "is there already");
    assert_note("CREATE TABLE new (id bigint)", "rollback drops table shop.new");
}

static void
test_create_index(void)
{
    static const struct {
        const char *sql;
        const char *planned;
    } cases[] = {
        {"CREATE INDEX ON users (n)", "CREATE INDEX CONCURRENTLY users_n_idx ON users (n)"},
        {"CREATE INDEX i ON users (n)", "CREATE INDEX CONCURRENTLY i ON users (n)"},
        {"CREATE INDEX CONCURRENTLY i ON users (n)", "CREATE INDEX CONCURRENTLY i ON users (n)"},
        {"CREATE INDEX CONCURRENTLY ON users (n)", "CREATE INDEX CONCURRENTLY users_n_idx ON users (n)"},
        {"CREATE INDEX IF NOT EXISTS i ON users (n)", "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON users (n)"},
        {"CREATE INDEX ON users (email)", "CREATE INDEX CONCURRENTLY users_email_idx1 ON users (email)"},
        {"CREATE INDEX ON users (\"Odd \"\"one\"\"\")",
         "CREATE INDEX CONCURRENTLY \"users_Odd \"\"one\"\"_idx\" ON users (\"Odd \"\"one\"\"\")"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Plan) plan = must_plan(NULL, cases[i].sql);
        g_assert_cmpstr(step_at(plan, 0)->sql, ==, cases[i].planned);
    }
    assert_shape(NULL, "CREATE INDEX ON users (n)", "expand index.create shop.users" SUX("users", "build"));
    assert_shape(NULL, "CREATE INDEX IF NOT EXISTS users_email_idx ON users (email)", "");
    assert_note("CREATE INDEX IF NOT EXISTS users_email_idx ON users (email)", "is there already");
}

static void
test_names_are_given_once(void)
{
    g_autoptr(Plan) plan =
        must_plan(NULL, "CREATE INDEX ON users (n); CREATE INDEX ON users (n); CREATE INDEX ON users (n)");

    g_assert_cmpstr(step_get(step_at(plan, 0), PARAM_INDEX), ==, "users_n_idx");
    g_assert_cmpstr(step_get(step_at(plan, 1), PARAM_INDEX), ==, "users_n_idx1");
    g_assert_cmpstr(step_get(step_at(plan, 2), PARAM_INDEX), ==, "users_n_idx2");
}

/* A unique index that the old application's rows might violate waits; one on a new column without default does not. */
static void
test_unique_index_phases(void)
{
    assert_shape(NULL, "CREATE UNIQUE INDEX ON users (email)",
                 "contract index.create shop.users" SUX("users", "build"));
    assert_shape(NULL, "ALTER TABLE users ADD code text; CREATE UNIQUE INDEX ON users (code)",
                 "expand column.add shop.users" AX("users") "\n"
                                                            "expand index.create shop.users" SUX("users", "build"));
    assert_shape(NULL, "ALTER TABLE users ADD code text DEFAULT 'x'; CREATE UNIQUE INDEX ON users (code)",
                 "expand column.add shop.users" AX("users") "\n"
                                                            "contract index.create shop.users" SUX("users", "build"));
    assert_shape(NULL,
                 "ALTER TABLE users ADD code text; UPDATE users SET code = name WHERE code IS NULL; CREATE UNIQUE "
                 "INDEX ON users (code);",
                 "expand column.add shop.users" AX("users") "\n"
                                                            "backfill backfill.update shop.users" RX(
                                                                "users") "\n"
                                                                         "backfill index.create shop.users" SUX(
                                                                             "users", "build"));
    assert_shape(NULL, "CREATE TABLE new (a int); CREATE UNIQUE INDEX ON new (a)",
                 "expand table.create shop.new" AX("new") "\n"
                                                          "expand index.create shop.new" SUX("new", "build"));
}

static void
test_index_after_backfill(void)
{
    assert_shape(NULL, "UPDATE users SET n = 1 WHERE n = 0; CREATE INDEX ON users (n); CREATE INDEX ON orders (state);",
                 "expand index.create shop.orders" SUX(
                     "orders", "build") "\n"
                                        "backfill backfill.update shop.users" RX(
                                            "users") "\n"
                                                     "backfill index.create shop.users" SUX("users", "build"));
    assert_shape(
        NULL, "CREATE INDEX ON users (n); UPDATE users SET n = 1 WHERE n = 0;",
        "expand index.create shop.users" SUX("users", "build") "\n"
                                                               "backfill backfill.update shop.users" RX("users"));
}

static void
test_drop_index(void)
{
    g_autoptr(Plan) plan = must_plan(NULL, "DROP INDEX users_email_idx");
    g_autoptr(Plan) two = must_plan(NULL, "DROP INDEX IF EXISTS users_email_idx, nothing, users_broken");

    assert_shape(NULL, "DROP INDEX users_email_idx", "contract index.drop shop.users" SUX("users", "instant"));
    g_assert_cmpstr(step_at(plan, 0)->sql, ==, "DROP INDEX CONCURRENTLY users_email_idx");
    g_assert_cmpuint(two->steps->len, ==, 2);
    g_assert_cmpstr(step_at(two, 0)->sql, ==, "DROP INDEX CONCURRENTLY shop.users_email_idx");
    g_assert_cmpstr(step_at(two, 1)->sql, ==, "DROP INDEX CONCURRENTLY shop.users_broken");
    g_assert_true(has_note(two, "no index \"nothing\""));
}

/* Contract: what can be taken back first, what cannot last. */
static void
test_order_of_contract(void)
{
    assert_shape(
        NULL,
        "ALTER TABLE users DROP old_column; DROP INDEX users_email_idx; ALTER TABLE users ALTER flag SET "
        "NOT NULL, ALTER n DROP DEFAULT;",
        "contract check.add_not_valid shop.users" AX(
            "users") "\n"
                     "contract check.validate shop.users" SUX(
                         "users", "scan") "\n"
                                          "contract column.set_not_null shop.users" AX(
                                              "users") "\n"
                                                       "contract column.drop_default shop.users" AX(
                                                           "users") "\n"
                                                                    "contract column.drop shop.users" AX(
                                                                        "users") "\n"
                                                                                 "contract index.drop shop.users" SUX(
                                                                                     "users", "instant"));
}

static void
test_opaque(void)
{
    g_autoptr(Plan) plan =
        must_plan(NULL, "-- pgseam: allow opaque because tested by hand\nGRANT SELECT ON users TO x");

    g_assert_cmpint(step_at(plan, 0)->kind, ==, STEP_OPAQUE_RUN);
    g_assert_null(step_at(plan, 0)->table);
    g_assert_cmpstr(step_at(plan, 0)->sql, ==, "GRANT SELECT ON users TO x");
    g_assert_nonnull(strstr(step_at(plan, 0)->why, "tested by hand"));
    g_assert_true(has_note(plan, "rollback does not undo it"));
    assert_shape(NULL,
                 "-- pgseam: allow opaque because x\nALTER TABLE users ADD a int, ALTER n TYPE bigint USING random()",
                 "expand opaque.run .");
    assert_shape(NULL, "UPDATE users SET n = 1 WHERE n = 0;\n-- pgseam: allow opaque because x\nFROB",
                 "backfill backfill.update shop.users" RX("users") "\nbackfill opaque.run .");
    assert_note("-- pgseam: allow opaque because x\nALTER TABLE users ADD a int", "is not needed");
}

static void
test_transaction_control(void)
{
    assert_shape(NULL, "BEGIN; ALTER TABLE users ADD a int; COMMIT;", "expand column.add shop.users" AX("users"));
    assert_shape(NULL, "START TRANSACTION; END TRANSACTION", "");
    assert_note("BEGIN; COMMIT", "BEGIN is left out");
}

static void
test_nothing(void)
{
    assert_shape(NULL, "", "");
    assert_shape(NULL, "ALTER TABLE IF EXISTS nothing ADD a int", "");
    assert_note("ALTER TABLE IF EXISTS nothing ADD a int", "there is no table nothing");
    assert_shape(NULL, "DROP INDEX IF EXISTS nothing", "");
}

/* The example of the founding document, on one line. */
static void
test_example(void)
{
    assert_shape(NULL,
                 "ALTER TABLE users ADD COLUMN age int; UPDATE users SET age = 18 WHERE age IS NULL; ALTER TABLE "
                 "users DROP COLUMN old_column;",
                 "expand column.add shop.users" AX(
                     "users") "\n"
                              "backfill backfill.update shop.users" RX(
                                  "users") "\n"
                                           "contract backfill.update shop.users" RX(
                                               "users") "\n"
                                                        "contract column.drop shop.users" AX("users"));
}

static void
test_plan_tables(void)
{
    g_autoptr(Plan) plan = must_plan(NULL, "ALTER TABLE users ADD a int; ALTER TABLE pair ADD b int; ALTER TABLE "
                                           "users ADD c int; CREATE TABLE \"New\" (x int);");
    g_autoptr(GPtrArray) tables = plan_tables(plan);

    g_assert_cmpuint(tables->len, ==, 3);
    g_assert_cmpstr(g_ptr_array_index(tables, 0), ==, "shop.\"New\"");
    g_assert_cmpstr(g_ptr_array_index(tables, 1), ==, "shop.pair");
    g_assert_cmpstr(g_ptr_array_index(tables, 2), ==, "shop.users");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/recipes/add_column", test_add_column);
    g_test_add_func("/plan/recipes/several_subcommands", test_several_subcommands);
    g_test_add_func("/plan/recipes/drop_column", test_drop_column);
    g_test_add_func("/plan/recipes/defaults", test_defaults);
    g_test_add_func("/plan/recipes/not_null", test_not_null);
    g_test_add_func("/plan/recipes/create_table", test_create_table);
    g_test_add_func("/plan/recipes/create_index", test_create_index);
    g_test_add_func("/plan/recipes/names_are_given_once", test_names_are_given_once);
    g_test_add_func("/plan/recipes/unique_index_phases", test_unique_index_phases);
    g_test_add_func("/plan/recipes/index_after_backfill", test_index_after_backfill);
    g_test_add_func("/plan/recipes/drop_index", test_drop_index);
    g_test_add_func("/plan/recipes/order_of_contract", test_order_of_contract);
    g_test_add_func("/plan/recipes/opaque", test_opaque);
    g_test_add_func("/plan/recipes/transaction_control", test_transaction_control);
    g_test_add_func("/plan/recipes/nothing", test_nothing);
    g_test_add_func("/plan/recipes/example", test_example);
    g_test_add_func("/plan/recipes/plan_tables", test_plan_tables);
    return g_test_run();
}
