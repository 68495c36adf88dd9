#include <glib.h>

#include "rewrite/buckets.h"
#include "rewrite/compare_form.h"

static void
test_number_of_buckets(void)
{
    g_assert_cmpuint(buckets_for(0, 16, 1024, 32768), ==, 1024);
    g_assert_cmpuint(buckets_for(16 * 2047, 16, 1024, 32768), ==, 1024);
    g_assert_cmpuint(buckets_for(16 * 2048, 16, 1024, 32768), ==, 2048);
    g_assert_cmpuint(buckets_for(G_MAXINT64, 16, 1024, 32768), ==, 32768);
}

static void
test_equal_buckets(void)
{
    g_autoptr(Tally) a = tally_new(16);
    g_autoptr(Tally) b = tally_new(16);
    g_autofree char *bitmap = NULL;
    g_autofree char *hash_a = NULL;
    g_autofree char *hash_b = NULL;
    gint64 buckets;
    gint64 rows;

    /* The order, and how the rows came together, is nothing. */
    tally_add(a, 3, 0x1111, 1);
    tally_add(a, 3, 0x2222, 1);
    tally_add(a, 15, 0xffffffffffffffff, 1);
    tally_add(b, 15, 0xffffffffffffffff, 1);
    tally_add(b, 3, 0x1111 ^ 0x2222, 2);
    bitmap = buckets_differing(a, b, &buckets, &rows);
    hash_a = tally_hash(a);
    hash_b = tally_hash(b);
    g_assert_cmpstr(bitmap, ==, "\\x0000");
    g_assert_cmpint(buckets, ==, 0);
    g_assert_cmpint(rows, ==, 0);
    g_assert_cmpint(tally_rows(a), ==, 3);
    g_assert_cmpstr(hash_a, ==, hash_b);
    tally_add(b, 0, 0, 1);
    g_clear_pointer(&hash_b, g_free);
    hash_b = tally_hash(b);
    g_assert_cmpstr(hash_a, !=, hash_b);
}

static void
test_differing_buckets(void)
{
    g_autoptr(Tally) a = tally_new(16);
    g_autoptr(Tally) b = tally_new(16);
    g_autofree char *bitmap = NULL;
    gint64 buckets;
    gint64 rows;

    tally_add(a, 0, 1, 1);
    tally_add(b, 0, 2, 1);
    /* A row twice is 0 to XOR. */
    tally_add(a, 9, 7, 1);
    tally_add(a, 9, 7, 1);
    tally_add(a, 4, 5, 10);
    tally_add(b, 4, 5, 10);
    bitmap = buckets_differing(a, b, &buckets, &rows);
    g_assert_cmpstr(bitmap, ==, "\\x0102");
    g_assert_cmpint(buckets, ==, 2);
    g_assert_cmpint(rows, ==, 4);
}

static GArray *
rows(const RowHash *list, guint n)
{
    GArray *array = g_array_new(FALSE, FALSE, sizeof(RowHash));
    return g_array_append_vals(array, list, n);
}

static void
test_differing_rows(void)
{
    const RowHash source[] = {{5, 50}, {-1, 1}, {7, 70}, {3, 30}, {3, 31}, {9, 90}, {2, 20}, {8, 80}, {8, 81}};
    const RowHash target[] = {{3, 31}, {3, 30}, {5, 51}, {7, 70}, {9, 90}, {9, 90}, {4, 40}, {2, 20}, {8, 80}, {8, 80}};
    const gint64 expected[] = {-1, 4, 5, 8, 9};
    g_autoptr(GArray) a = rows(source, G_N_ELEMENTS(source));
    g_autoptr(GArray) b = rows(target, G_N_ELEMENTS(target));
    g_autoptr(GArray) keys = rows_differing(a, b);

    g_assert_cmpmem(keys->data, keys->len * sizeof(gint64), expected, sizeof(expected));
}

static void
test_forms(void)
{
    static const struct {
        const char *schema;
        const char *name;
        gboolean is_enum;
        gboolean can_send;
        CompareForm form;
    } cases[] = {
        {"pg_catalog", "int4", FALSE, TRUE, COMPARE_PLAIN},
        {"pg_catalog", "uuid", FALSE, TRUE, COMPARE_PLAIN},
        {"pg_catalog", "text", FALSE, TRUE, COMPARE_BYTES},
        {"pg_catalog", "varchar", FALSE, TRUE, COMPARE_BYTES},
        /* Their hash functions leave something out. */
        {"pg_catalog", "int8", FALSE, TRUE, COMPARE_SEND},
        {"pg_catalog", "timestamptz", FALSE, TRUE, COMPARE_SEND},
        {"pg_catalog", "numeric", FALSE, TRUE, COMPARE_SEND},
        {"pg_catalog", "float8", FALSE, TRUE, COMPARE_SEND},
        {"pg_catalog", "interval", FALSE, TRUE, COMPARE_SEND},
        {"pg_catalog", "bpchar", FALSE, TRUE, COMPARE_SEND},
        {"pg_catalog", "jsonb", FALSE, TRUE, COMPARE_SEND},
        {"pg_catalog", "_int4", FALSE, FALSE, COMPARE_TEXT},
        {"pg_catalog", "aclitem", FALSE, FALSE, COMPARE_TEXT},
        /* Somebody's own type of that name is not the server's. */
        {"public", "int4", FALSE, TRUE, COMPARE_SEND},
        {"public", "citext", FALSE, TRUE, COMPARE_SEND},
        {"public", "mood", TRUE, TRUE, COMPARE_PLAIN},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(compare_form(cases[i].schema, cases[i].name, cases[i].is_enum, cases[i].can_send), ==,
                        cases[i].form);
}

static void
test_form_as_sql(void)
{
    const CompareType plain = {NULL, COMPARE_PLAIN, NULL, NULL};
    const CompareType bytes = {NULL, COMPARE_BYTES, NULL, NULL};
    char base[] = "public.citext";
    char send[] = "public.citextsend";
    const CompareType sent = {NULL, COMPARE_SEND, base, send};
    g_autofree char *a = compare_form_sql(&plain, "x + 1");
    g_autofree char *b = compare_form_sql(&bytes, "x || y");
    g_autofree char *c = compare_form_sql(&sent, "x");

    g_assert_cmpstr(a, ==, "(x + 1)");
    g_assert_cmpstr(b, ==, "(CAST((x || y) AS pg_catalog.text) COLLATE pg_catalog.\"C\")");
    g_assert_cmpstr(c, ==, "public.citextsend(CAST((x) AS public.citext))");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/compare/number-of-buckets", test_number_of_buckets);
    g_test_add_func("/compare/equal-buckets", test_equal_buckets);
    g_test_add_func("/compare/differing-buckets", test_differing_buckets);
    g_test_add_func("/compare/differing-rows", test_differing_rows);
    g_test_add_func("/compare/forms", test_forms);
    g_test_add_func("/compare/form-as-sql", test_form_as_sql);
    return g_test_run();
}
