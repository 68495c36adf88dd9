/*
 * The online rewrite: which statements need it, the parameters that the engine reads, what is refused and what cannot
 * be put in order.
 */
#include <string.h>

#include "base/error.h"
#include "fixture.h"

#define AX(table) " [ACCESS EXCLUSIVE on shop." table ", instant]"
#define COPY(table)                                                                                                    \
    "backfill rewrite.prepare shop." table " [ACCESS SHARE on shop." table ", instant]\n"                              \
    "backfill rewrite.capture shop." table " [SHARE ROW EXCLUSIVE on shop." table                                      \
    ", instant]" AX(table) "\n"                                                                                        \
                           "backfill rewrite.copy shop." table " [ACCESS SHARE on shop." table ", batch]\n"            \
                           "backfill rewrite.index shop." table " [ACCESS SHARE on shop." table ", instant]\n"         \
                           "backfill rewrite.catch_up shop." table " [ACCESS SHARE on shop." table ", batch]\n"        \
                           "backfill rewrite.verify shop." table " [ACCESS SHARE on shop." table ", scan]\n"           \
                           "backfill rewrite.swap shop." table                                                         \
                           AX(table)
#define DROP(table) "contract rewrite.drop shop." table AX(table)

/* A table without partners: bills (id serial, code unique, text, a view on note). */
static Facts *
bills(void)
{
    Facts *facts = fixture_shop();
    FactTable *table = fixture_table(facts, "bills");
    FactColumn *id = fixture_column(table, "id", "integer");
    FactIndex *code;

    id->sequence = g_strdup("shop.bills_id_seq");
    id->sequence_type = g_strdup("integer");
    fixture_column(table, "code", "text");
    fixture_column(table, "amount", "integer");
    fixture_column(table, "note", "text");
    fixture_primary(table, "id");
    code = fixture_index(table, "bills_code_key", "code");
    code->is_unique = TRUE;
    fixture_depends(table, "note", "view shop.noted");
    table->table_bytes = 50000000;
    table->index_bytes = 20000000;
    return facts;
}

static Plan *
plan_bills(const char *sql)
{
    g_autoptr(Facts) facts = bills();

    return must_plan(facts, sql);
}

static const Step *
prepare_of(const Plan *plan)
{
    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(plan->steps, i);

        if (step->kind == STEP_REWRITE_PREPARE)
            return step;
    }
    g_assert_not_reached();
}

/* One parameter of the rewrite of bills, all that come in a row joined with " | ". */
static void
assert_param(const char *sql, const char *param, const char *expected)
{
    g_autoptr(Plan) plan = plan_bills(sql);
    const Step *step = prepare_of(plan);
    g_autoptr(GString) values = g_string_new(NULL);
    const char *value;

    for (guint n = 1; (value = step_get_nth(step, param, n)) != NULL; n++)
        g_string_append_printf(values, "%s%s", n > 1 ? " | " : "", value);
    if (strcmp(values->str, expected) != 0)
        g_test_message("%s: %s", sql, param);
    g_assert_cmpstr(values->str, ==, expected);
}

static void
assert_bills(const char *sql, const char *message, const char *hint)
{
    g_autoptr(Facts) facts = bills();

    assert_refusal(facts, sql, message, hint);
}

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
    g_autoptr(Plan) plan = plan_bills(sql);

    if (!has_note(plan, part))
        g_test_message("%s: no note \"%s\"", sql, part);
    g_assert_true(has_note(plan, part));
}

/* Several statements of one table are one copy; what needs none keeps its place. */
static void
test_one_copy(void)
{
    g_autoptr(Facts) facts = bills();

    assert_shape(facts, "ALTER TABLE bills ALTER id TYPE bigint", COPY("bills") "\n" DROP("bills"));
    assert_shape(
        facts,
        "ALTER TABLE bills ALTER id TYPE bigint, ADD g int GENERATED ALWAYS AS (amount + 1) STORED; ALTER TABLE "
        "bills SET TABLESPACE fast; ALTER TABLE bills ADD plain int; ALTER TABLE bills DROP code",
        "expand column.add shop.bills" AX("bills") "\n" COPY("bills") "\n" DROP(
            "bills") "\ncontract column.drop shop.bills" AX("bills"));
    /* The old table is gone before a column is that it would need. */
    assert_shape(facts, "ALTER TABLE bills DROP code; ALTER TABLE bills ALTER id TYPE bigint",
                 COPY("bills") "\n" DROP("bills") "\ncontract column.drop shop.bills" AX("bills"));
    assert_shape(
        facts, "ALTER TABLE bills ALTER amount TYPE bigint; CREATE INDEX amounts ON bills (amount)",
        COPY("bills") "\nbackfill index.create shop.bills [SHARE UPDATE EXCLUSIVE on shop.bills, build]\n" DROP(
            "bills"));
}

static void
test_which_statements(void)
{
    static const char *const rewritten[] = {
        "ALTER TABLE bills ALTER amount TYPE bigint",
        "ALTER TABLE bills ALTER amount TYPE bigint USING amount::bigint",
        "ALTER TABLE bills ADD g int GENERATED ALWAYS AS (amount + 1) STORED",
        "ALTER TABLE bills ADD p positive",
        "ALTER TABLE bills SET TABLESPACE fast",
        "ALTER TABLE bills SET UNLOGGED",
        "ALTER TABLE bills SET ACCESS METHOD heap",
        "ALTER TABLE bills ADD CONSTRAINT once EXCLUDE USING btree (code WITH =)",
    };
    g_autoptr(Facts) facts = bills();

    for (guint i = 0; i < G_N_ELEMENTS(rewritten); i++)
        assert_shape(facts, rewritten[i], COPY("bills") "\n" DROP("bills"));
    ((FactTable *)facts_find(facts, NULL, "bills"))->is_small = TRUE;
    assert_shape(facts, "ALTER TABLE bills ADD p positive",
                 "expand column.add shop.bills [ACCESS EXCLUSIVE on shop.bills, rewrite]");
    assert_shape(facts, "ALTER TABLE bills SET LOGGED", "");
}

/* What the engine reads. */
static void
test_parameters(void)
{
    static const char type[] = "ALTER TABLE bills ALTER id TYPE bigint";

    assert_param(type, PARAM_REWRITE, "pgseam_rewrite_m_shop.bills");
    assert_param(type, PARAM_ALTER, "ALTER id TYPE bigint");
    assert_param(type, PARAM_WIDEN, "shop.bills_id_seq");
    assert_param("ALTER TABLE bills ALTER amount TYPE bigint", PARAM_WIDEN, "");
    assert_param("ALTER TABLE bills ALTER id TYPE bigint, ALTER amount TYPE text USING amount::text", PARAM_MAP_COLUMN,
                 "id | amount");
    assert_param("ALTER TABLE bills ALTER id TYPE bigint, ALTER amount TYPE text USING amount::text", PARAM_MAP_UP,
                 " | amount::text");
    assert_param("-- pgseam: down amount = amount / 2\nALTER TABLE bills ALTER amount TYPE bigint USING amount * 2",
                 PARAM_MAP_DOWN, "amount / 2");
    assert_param("-- pgseam: allow one-way because new\nALTER TABLE bills ALTER amount TYPE bigint USING amount * 2",
                 PARAM_ONE_WAY, "true");
    assert_param(type, PARAM_ONE_WAY, "");
    assert_param("ALTER TABLE bills ADD CONSTRAINT once EXCLUDE USING btree (code WITH =)", PARAM_BUILD,
                 "ADD CONSTRAINT once EXCLUDE USING btree (code WITH =)");
    assert_param("ALTER TABLE bills ADD p positive DEFAULT 1 NOT NULL", PARAM_ALTER,
                 "ADD COLUMN p positive DEFAULT 1 NOT NULL");
}

/* Each part in the order in which one ALTER TABLE takes them, whatever the file's. */
static void
test_order_of_parts(void)
{
    assert_param(
        "ALTER TABLE bills SET TABLESPACE fast, ADD g int GENERATED ALWAYS AS (amount + 1) STORED, ALTER amount "
        "SET DEFAULT 5, ALTER amount TYPE bigint, ALTER amount DROP DEFAULT",
        PARAM_ALTER,
        "ALTER amount DROP DEFAULT | ALTER amount TYPE bigint | ADD COLUMN g int GENERATED ALWAYS AS (amount + "
        "1) STORED | ALTER amount SET DEFAULT 5 | SET TABLESPACE fast");
}

static void
test_key_and_sizes(void)
{
    g_autoptr(Plan) plan = plan_bills("ALTER TABLE bills ALTER id TYPE bigint");
    const Step *prepare = prepare_of(plan);
    const Step *copy = g_ptr_array_index(plan->steps, 2);

    g_assert_cmpuint(prepare->key->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(prepare->key, 0), ==, "id");
    g_assert_cmpstr(g_ptr_array_index(prepare->key_types, 0), ==, "integer");
    g_assert_cmpfloat(copy->bytes, ==, 50000000);
    g_assert_cmpfloat(copy->rows, ==, 1000000);
    g_assert_true(has_note(plan, "needs about 66.8 MB of new disk"));
    g_assert_true(has_note(plan, "column \"id\" is bigint from the cut-over on"));
    g_assert_true(has_note(plan, "kept as integer, too"));
}

/* Unique values that may meet in the new type are counted beforehand; those that cannot are not. */
static void
test_duplicates(void)
{
    g_autoptr(Plan) plan = plan_bills("ALTER TABLE bills ALTER code TYPE int USING code::int");
    g_autoptr(Plan) wider = plan_bills("ALTER TABLE bills ALTER id TYPE bigint");
    const char *count = step_get(prepare_of(plan), PARAM_COUNT);

    g_assert_nonnull(count);
    g_assert_nonnull(strstr(count, "GROUP BY CAST((code::int\n) AS integer) HAVING"));
    g_assert_nonnull(step_get(prepare_of(plan), PARAM_SHOW));
    g_assert_null(step_get(prepare_of(wider), PARAM_COUNT));
}

/* Foreign keys in both directions are proven again; those that the file proves before, too. */
static void
test_foreign_keys(void)
{
    g_autoptr(Plan) plan = must_plan(NULL, "ALTER TABLE orders ALTER id TYPE numeric");
    g_autoptr(Plan) both = must_plan(NULL, "ALTER TABLE users ALTER n TYPE bigint; ALTER TABLE orders ALTER id TYPE "
                                           "numeric");
    guint proven = 0;

    g_assert_cmpstr(step_get(g_ptr_array_index(plan->steps, 7), PARAM_CONSTRAINT), ==, "orders_user_id_fkey");
    g_assert_true(((const Step *)g_ptr_array_index(plan->steps, 7))->kind == STEP_FOREIGN_KEY_VALIDATE);
    for (guint i = 0; i < both->steps->len; i++) {
        const Step *step = g_ptr_array_index(both->steps, i);

        proven += step->kind == STEP_FOREIGN_KEY_VALIDATE &&
                  strcmp(step_get(step, PARAM_CONSTRAINT), "orders_user_id_fkey") == 0;
    }
    g_assert_cmpuint(proven, ==, 2);
}

static void
test_refused_tables(void)
{
    g_autoptr(Facts) facts = bills();
    FactTable *table = (FactTable *)facts_find(facts, NULL, "bills");
    FactConstraint *inbound = fixture_constraint(table, 'f', "lines_bill_fkey", "id");
    static const char type[] = "ALTER TABLE bills SET TABLESPACE fast";

    inbound->is_inbound = TRUE;
    inbound->other_schema = g_strdup("shop");
    inbound->other_table = g_strdup("lines");
    assert_refusal(facts, type, "does not own shop.lines, whose foreign key \"lines_bill_fkey\"", "owns both tables");
    inbound->other_is_owned = TRUE;
    inbound->other_kind = 'p';
    assert_refusal(facts, type, "foreign key \"lines_bill_fkey\" of the partitioned table shop.lines",
                   "drop the foreign");
    facts->server_version = 180000;
    assert_shape(facts, "ALTER TABLE bills SET LOGGED", "");
    inbound->other_kind = 'r';
    inbound->other_persistence = 'p';
    assert_refusal(facts, "ALTER TABLE bills SET UNLOGGED", "table shop.lines, which is logged, references it",
                   "other table first");
    inbound->other_persistence = 'u';
    fixture_depends(table, "amount", "materialized view shop.totals");
    assert_refusal(facts, type, "materialized view shop.totals reads the table", "make it anew afterwards");
    assert_refusal(NULL, "ALTER TABLE nokey SET TABLESPACE fast", "has no usable key to find changed rows by",
                   "CREATE UNIQUE INDEX");
    assert_refusal(NULL, "ALTER TABLE parted ALTER b TYPE bigint", "is partitioned", "allow opaque");
}

/* A key with a generated column, or that may be violated for a while, is none. */
static void
test_keys(void)
{
    g_autoptr(Facts) facts = bills();
    FactTable *table = (FactTable *)facts_find(facts, NULL, "bills");
    FactIndex *primary = (FactIndex *)facts_primary_key(table);
    FactColumn *code = (FactColumn *)facts_column(table, "code");
    static const char sql[] = "ALTER TABLE bills SET TABLESPACE fast";

    primary->is_immediate = FALSE;
    assert_refusal(facts, sql, "its primary key is deferrable or has a generated column", "CREATE UNIQUE INDEX");
    code->is_not_null = TRUE;
    {
        g_autoptr(Plan) plan = must_plan(facts, sql);

        g_assert_cmpstr(g_ptr_array_index(prepare_of(plan)->key, 0), ==, "code");
    }
    code->is_generated = TRUE;
    assert_refusal(facts, sql, "no usable key", "CREATE UNIQUE INDEX");
    code->is_generated = FALSE;
    code->is_unproven = TRUE;
    assert_refusal(facts, sql, "no usable key", "CREATE UNIQUE INDEX");
}

static void
test_refused_expressions(void)
{
    assert_bills("ALTER TABLE bills ALTER amount TYPE bigint USING random()", "USING calls random(), which is volatile",
                 "constant");
    assert_bills("ALTER TABLE bills ALTER note TYPE timestamptz USING now()", "now(), which is only stable",
                 "constant");
    assert_bills("ALTER TABLE bills ALTER note TYPE timestamptz USING CURRENT_TIMESTAMP", "which is only stable",
                 "constant");
    assert_bills("ALTER TABLE bills ALTER note TYPE timestamptz USING 'now'::timestamptz", "word for the time of day",
                 "constant");
    assert_bills("ALTER TABLE bills ALTER amount TYPE bigint USING max(amount)", "max(), which is an aggregate",
                 "constant");
    assert_bills("ALTER TABLE bills ALTER amount TYPE bigint USING (SELECT 1)", "cannot have a subquery", "UPDATE");
    assert_bills("ALTER TABLE bills ALTER amount TYPE bigint USING zzz", "column \"zzz\" of table shop.bills does not",
                 NULL);
    assert_bills("ALTER TABLE bills ALTER amount TYPE bigint USING amount * 2", "has no known way back",
                 "-- pgseam: down amount = expression");
    assert_bills("-- pgseam: down amount = random()\nALTER TABLE bills ALTER amount TYPE bigint USING amount * 2",
                 "the directive \"down\" calls random()", "constant");
    assert_bills("-- pgseam: down id = id\nALTER TABLE bills ALTER id TYPE bigint USING id + amount",
                 "USING reads column \"amount\", but column \"id\" belongs to the key", "make it the key");
    assert_bills("-- pgseam: down id = amount\nALTER TABLE bills ALTER id TYPE bigint USING id + 1",
                 "the directive \"down\" reads column \"amount\", but column \"id\" belongs to the key",
                 "make it the key");
    assert_bills("ALTER TABLE bills ADD x int; ALTER TABLE bills ALTER amount TYPE bigint USING x",
                 "reads column \"x\", which is added in this same file", "after this one");
    assert_bills("-- pgseam: down note = note\nALTER TABLE bills ALTER amount TYPE bigint, ALTER note TYPE jsonb USING "
                 "amount::text::jsonb",
                 "USING of one reads the other", "migration of its own");
    assert_bills("-- pgseam: down code = code\nALTER TABLE bills ALTER amount TYPE bigint",
                 "does not change the type of column \"code\"", "UPDATE");
    assert_bills("-- pgseam: allow one-way because x\nALTER TABLE bills ADD y int", "this is another ALTER TABLE",
                 "UPDATE");
    assert_bills("ALTER TABLE bills ALTER amount TYPE bigint, ALTER amount SET DEFAULT 1, ALTER amount SET DEFAULT 2",
                 "line 1 changes the default of column \"amount\" already", "write only the one");
    assert_bills("ALTER TABLE bills ADD EXCLUDE USING btree (code WITH =)", "a name of its own", "ADD CONSTRAINT name");
    assert_bills("ALTER TABLE bills ADD CONSTRAINT e EXCLUDE USING btree (zzz WITH =)", "column \"zzz\"", NULL);
}

/* A generated column that reads it would keep its type from changing. */
static void
test_generated(void)
{
    g_autoptr(Facts) facts = bills();
    FactColumn *total = fixture_column((FactTable *)facts_find(facts, NULL, "bills"), "total", "integer");

    total->is_generated = TRUE;
    total->default_expr = g_strdup("(amount * 2)");
    assert_refusal(facts, "ALTER TABLE bills ALTER amount TYPE bigint", "is used by generated column \"total\"",
                   "drop the generated column");
    assert_refusal(facts, "ALTER TABLE bills ALTER total TYPE bigint", "column \"total\" is generated", "add it anew");
}

static void
test_refused_orders(void)
{
    static const struct {
        const char *sql;
        const char *message;
    } cases[] = {
        {"ALTER TABLE bills ALTER id TYPE bigint; UPDATE bills SET note = 'x' WHERE note IS NULL; ALTER TABLE bills "
         "SET "
         "TABLESPACE fast",
         "stands between two statements that become one copy"},
        {"UPDATE bills SET amount = 1 WHERE amount IS NULL; ALTER TABLE bills ALTER amount TYPE bigint",
         "goes by a column whose type changes"},
        {"ALTER TABLE bills ALTER amount TYPE bigint; INSERT INTO bills VALUES (1)",
         "goes by a column whose type changes"},
        {"UPDATE bills SET note = 'x' WHERE note IS NULL; ALTER TABLE bills ALTER id TYPE bigint",
         "walks by a key whose type changes"},
        {"ALTER TABLE bills ALTER id TYPE bigint; CREATE TABLE archive (LIKE bills)",
         "takes its columns from a table that is not there in its new shape"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_bills(cases[i].sql, cases[i].message, "migration of its own");
}

/* Objects that use what a copy brings come after it. */
static void
test_objects_follow(void)
{
    g_autoptr(Plan) plan =
        plan_bills("ALTER TABLE bills ADD g int GENERATED ALWAYS AS (amount + 1) STORED; CREATE VIEW "
                   "totals AS SELECT g FROM bills");
    const Step *view = g_ptr_array_index(plan->steps, 7);

    g_assert_cmpstr(view->sql, ==, "CREATE VIEW totals AS SELECT g FROM bills");
    g_assert_cmpint(view->phase, ==, PHASE_BACKFILL);
}

static void
test_notes(void)
{
    assert_note("ALTER TABLE bills SET UNLOGGED", "gone after a crash");
    assert_note("ALTER TABLE bills SET LOGGED", "logged already");
    assert_note("ALTER TABLE bills ADD CONSTRAINT e EXCLUDE USING btree (code WITH =)", "for the old application, too");
    assert_note(
        "-- pgseam: allow one-way because it is new\nALTER TABLE bills ALTER amount TYPE bigint USING amount * 2",
        "one-way by consent (it is new)");
}

/* A view is made anew at the cut-over, so it is no obstacle. */
static void
test_views(void)
{
    g_autoptr(Plan) plan = plan_bills("ALTER TABLE bills ALTER note TYPE jsonb USING note::jsonb");
    const Step *swap = g_ptr_array_index(plan->steps, 6);

    g_assert_nonnull(strstr(swap->why, "made anew in it: view shop.noted"));
    g_assert_nonnull(strstr(swap->why, "going over: sequence shop.bills_id_seq"));
}

/* What a statement by consent leaves behind is nothing. */
static void
test_consent(void)
{
    g_autoptr(Facts) facts = bills();
    static const char volatile_using[] =
        "ALTER TABLE bills ALTER id TYPE bigint, ALTER amount TYPE bigint USING random()";
    g_autofree char *alone = g_strconcat("-- pgseam: allow opaque because x\n", volatile_using, NULL);
    g_autofree char *before = g_strconcat(alone, ";\nALTER TABLE bills SET TABLESPACE fast", NULL);

    assert_shape(facts, alone, "expand opaque.run .");
    assert_refusal(facts, before, "what it does to the table is not known", "migration of its own");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/rewrite/one_copy", test_one_copy);
    g_test_add_func("/plan/rewrite/which_statements", test_which_statements);
    g_test_add_func("/plan/rewrite/parameters", test_parameters);
    g_test_add_func("/plan/rewrite/order_of_parts", test_order_of_parts);
    g_test_add_func("/plan/rewrite/key_and_sizes", test_key_and_sizes);
    g_test_add_func("/plan/rewrite/duplicates", test_duplicates);
    g_test_add_func("/plan/rewrite/foreign_keys", test_foreign_keys);
    g_test_add_func("/plan/rewrite/refused_tables", test_refused_tables);
    g_test_add_func("/plan/rewrite/keys", test_keys);
    g_test_add_func("/plan/rewrite/refused_expressions", test_refused_expressions);
    g_test_add_func("/plan/rewrite/generated", test_generated);
    g_test_add_func("/plan/rewrite/refused_orders", test_refused_orders);
    g_test_add_func("/plan/rewrite/objects_follow", test_objects_follow);
    g_test_add_func("/plan/rewrite/notes", test_notes);
    g_test_add_func("/plan/rewrite/views", test_views);
    g_test_add_func("/plan/rewrite/consent", test_consent);
    return g_test_run();
}
