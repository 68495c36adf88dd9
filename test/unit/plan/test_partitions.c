/*
 * ATTACH, DETACH, PARTITION OF, indexes and keys of partitioned tables: what is proven, built and locked.
 */
#include <string.h>

#include "fixture.h"

/* The shop with a table `loose` that can become a partition of `parted`. */
static Facts *
shop_with_loose(void)
{
    Facts *facts = fixture_shop();
    FactTable *loose = fixture_table(facts, "loose");

    fixture_column(loose, "a", "integer");
    fixture_column(loose, "b", "text");
    return facts;
}

static FactTable *
table_of(Facts *facts, const char *name)
{
    return (FactTable *)facts_find(facts, NULL, name);
}

/* The condition that the first step proves; the caller frees. */
static char *
proven_condition(Facts *facts, const char *bound)
{
    g_autofree char *sql = g_strconcat("ALTER TABLE parted ATTACH PARTITION loose ", bound, NULL);
    g_autoptr(Plan) plan = must_plan(facts, sql);
    const Step *step = g_ptr_array_index(plan->steps, 0);
    const char *check = strstr(step->sql, "CHECK (");

    g_assert_nonnull(check);
    g_assert_true(g_str_has_suffix(check, ") NOT VALID"));
    return g_strndup(check + strlen("CHECK ("), strlen(check) - strlen("CHECK (") - strlen(") NOT VALID"));
}

static void
test_bounds(void)
{
    static const struct {
        char strategy;
        const char *bound;
        const char *condition;
    } cases[] = {
        {'r', "FOR VALUES FROM (200) TO (300)",
         "a IS NOT NULL AND a >= CAST(200 AS integer) AND a < CAST(300 AS integer)"},
        {'r', "FOR VALUES FROM (MINVALUE) TO ('300')", "a IS NOT NULL AND a < CAST('300' AS integer)"},
        {'r', "FOR VALUES FROM (-5) TO (maxvalue)", "a IS NOT NULL AND a >= CAST(-5 AS integer)"},
        {'r', "FOR VALUES FROM (1 + (2 * 3)) TO (9 /* , ( */)",
         "a IS NOT NULL AND a >= CAST(1 + (2 * 3) AS integer) AND a < CAST(9 AS integer)"},
        {'l', "FOR VALUES IN (1, NULL, 3)", "a IS NULL OR a = ANY (ARRAY[CAST(1 AS integer), CAST(3 AS integer)])"},
        {'l', "FOR VALUES IN (7)", "a IS NOT NULL AND a = ANY (ARRAY[CAST(7 AS integer)])"},
        {'l', "FOR VALUES IN (NULL)", "a IS NULL"},
    };
    g_autoptr(Facts) facts = shop_with_loose();

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *condition = NULL;

        table_of(facts, "parted")->strategy = cases[i].strategy;
        condition = proven_condition(facts, cases[i].bound);
        g_assert_cmpstr(condition, ==, cases[i].condition);
    }
}

static void
test_hash_bound(void)
{
    g_autoptr(Facts) facts = shop_with_loose();
    g_autofree char *condition = NULL;
    g_autofree char *expected =
        g_strdup_printf("pg_catalog.satisfies_hash_partition(CAST(%" G_GINT64_FORMAT " AS pg_catalog.oid), 4, 1, a)",
                        table_of(facts, "parted")->oid);

    table_of(facts, "parted")->strategy = 'h';
    condition = proven_condition(facts, "FOR VALUES WITH (MODULUS 4, REMAINDER 1)");
    g_assert_cmpstr(condition, ==, expected);
}

#define ATTACH "ALTER TABLE parted ATTACH PARTITION loose FOR VALUES FROM (200) TO (300)"

static void
test_attach(void)
{
    g_autoptr(Facts) facts = shop_with_loose();

    assert_shape(facts, ATTACH,
                 "expand ddl.run shop.loose [ACCESS EXCLUSIVE on shop.loose, instant]\n"
                 "expand ddl.run shop.loose [SHARE UPDATE EXCLUSIVE on shop.loose, scan]\n"
                 "expand ddl.run shop.loose [SHARE UPDATE EXCLUSIVE on shop.parted, instant] "
                 "[ACCESS EXCLUSIVE on shop.loose, instant] [ACCESS EXCLUSIVE on shop.parted, instant]");
}

static void
test_attach_beside_a_default(void)
{
    g_autoptr(Facts) facts = shop_with_loose();
    g_autoptr(Plan) plan = NULL;
    const Step *step;

    fixture_partition(facts, table_of(facts, "parted"), "parted_rest", "DEFAULT");
    plan = must_plan(facts, ATTACH);
    g_assert_cmpuint(plan->steps->len, ==, 5);
    step = g_ptr_array_index(plan->steps, 2);
    g_assert_cmpstr(step->table, ==, "parted_rest");
    g_assert_nonnull(strstr(step->sql, "CHECK (NOT (a IS NOT NULL AND"));
    step = g_ptr_array_index(plan->steps, 4);
    g_assert_cmpstr(step_get(step, PARAM_UNDO), ==, "ALTER TABLE shop.parted DETACH PARTITION shop.loose");
    g_assert_cmpstr(step_get_nth(step, PARAM_MORE, 2), ==,
                    "ALTER TABLE shop.parted_rest DROP CONSTRAINT IF EXISTS pgseam_bound_parted_rest");
}

static void
test_attach_refused(void)
{
    g_autoptr(Facts) facts = shop_with_loose();
    g_autoptr(Plan) plan = NULL;

    assert_refusal(facts, "ALTER TABLE parted ATTACH PARTITION loose DEFAULT", "would read every row of loose",
                   "while it is empty");
    assert_refusal(facts, "ALTER TABLE parted ATTACH PARTITION loose FOR VALUES FROM (lower('a')::int) TO (300)",
                   "would read every row of loose", "constants");
    assert_refusal(facts, "ALTER TABLE parted ATTACH PARTITION users FOR VALUES FROM (1) TO (3)",
                   "column \"a\" of users is not there, but integer in shop.parted", "LIKE");
    assert_refusal(facts, "ALTER TABLE users ATTACH PARTITION loose FOR VALUES FROM (1) TO (3)",
                   "users is not partitioned", NULL);
    assert_refusal(facts, "ALTER TABLE parted ATTACH PARTITION parted_low FOR VALUES FROM (1) TO (3)",
                   "parted_low is a partition already", NULL);
    assert_refusal(facts, "CREATE INDEX ON parted (a); " ATTACH, "line 1 changes that or its family", "put it before");
    table_of(facts, "loose")->bytes = 0;
    plan = must_plan(facts, "ALTER TABLE parted ATTACH PARTITION loose DEFAULT");
    g_assert_cmpuint(plan->steps->len, ==, 1);
}

static void
test_detach(void)
{
    g_autoptr(Facts) facts = shop_with_loose();
    FactTable *low = table_of(facts, "parted_low");

    low->partition_constraint = g_strdup("((a IS NOT NULL) AND (a < 100))");
    assert_shape(facts, "ALTER TABLE parted DETACH PARTITION parted_low",
                 "contract partition.detach shop.parted [SHARE UPDATE EXCLUSIVE on shop.parted, instant] "
                 "[ACCESS EXCLUSIVE on shop.parted_low, instant]");
    assert_refusal(facts, "ALTER TABLE parted DETACH PARTITION loose", "shop.loose is not a partition of shop.parted",
                   NULL);
    fixture_partition(facts, table_of(facts, "parted"), "parted_rest", "DEFAULT");
    assert_shape(facts, "ALTER TABLE parted DETACH PARTITION parted_low",
                 "contract ddl.final shop.parted [ACCESS EXCLUSIVE on shop.parted, instant] "
                 "[ACCESS EXCLUSIVE on shop.parted_low, instant] [ACCESS EXCLUSIVE on shop.parted_rest, instant]");
    assert_refusal(facts, "ALTER TABLE parted DETACH PARTITION parted_low CONCURRENTLY", "it has a default partition",
                   "leave CONCURRENTLY out");
}

/* An index of the same shape is attached behind the gate: nothing takes an attachment back. */
static void
test_index_that_is_there(void)
{
    g_autoptr(Facts) facts = shop_with_loose();
    FactIndex *index = fixture_index(table_of(facts, "parted_low"), "mine", "b");

    index->tail = g_strdup("USING btree (b)");
    assert_shape(
        facts, "CREATE INDEX ON parted (b)",
        "expand ddl.run shop.parted [SHARE on shop.parted, instant] [ACCESS EXCLUSIVE on shop.parted, instant] "
        "[ACCESS EXCLUSIVE on shop.parted_low, instant] [ACCESS EXCLUSIVE on shop.parted_high, instant]\n"
        "expand index.create shop.parted_high [SHARE UPDATE EXCLUSIVE on shop.parted_high, build]\n"
        "expand ddl.run shop.parted_high [ACCESS EXCLUSIVE on shop.parted_high, instant] "
        "[SHARE UPDATE EXCLUSIVE on shop.parted, instant]\n"
        "contract ddl.final shop.parted_low [ACCESS EXCLUSIVE on shop.parted_low, instant] "
        "[SHARE UPDATE EXCLUSIVE on shop.parted, instant]");
}

static void
test_names(void)
{
    g_autoptr(Facts) facts = shop_with_loose();
    g_autoptr(Plan) plan = NULL;

    g_hash_table_add(facts->neighbours, g_strdup("shop.parted_low_b_idx"));
    plan = must_plan(facts, "CREATE INDEX ON parted (b)");
    g_assert_cmpstr(step_get(g_ptr_array_index(plan->steps, 1), PARAM_INDEX), ==, "parted_low_b_idx1");
    g_assert_cmpstr(step_get(g_ptr_array_index(plan->steps, 2), PARAM_INDEX), ==, "parted_high_b_idx");
}

static void
test_foreign_key_of_a_family(void)
{
    g_autoptr(Facts) facts = shop_with_loose();
    g_autoptr(Plan) before = must_plan(facts, "ALTER TABLE parted ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES users");
    g_autoptr(Plan) from_18 = NULL;

    g_assert_cmpuint(before->steps->len, ==, 5);
    facts->server_version = 180004;
    from_18 = must_plan(facts, "ALTER TABLE parted ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES users");
    g_assert_cmpuint(from_18->steps->len, ==, 2);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/partitions/bounds", test_bounds);
    g_test_add_func("/plan/partitions/hash", test_hash_bound);
    g_test_add_func("/plan/partitions/attach", test_attach);
    g_test_add_func("/plan/partitions/default", test_attach_beside_a_default);
    g_test_add_func("/plan/partitions/refused", test_attach_refused);
    g_test_add_func("/plan/partitions/detach", test_detach);
    g_test_add_func("/plan/partitions/index", test_index_that_is_there);
    g_test_add_func("/plan/partitions/names", test_names);
    g_test_add_func("/plan/partitions/foreign-key", test_foreign_key_of_a_family);
    return g_test_run();
}
