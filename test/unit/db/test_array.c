/*
 * PostgreSQL's text form of arrays, in and out.
 */
#include <string.h>

#include "db/array.h"

/* Elements joined with "|", NULL as "~". */
static char *
joined(const GPtrArray *list)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < list->len; i++) {
        const char *element = g_ptr_array_index(list, i);
        g_string_append_printf(out, "%s%s", i > 0 ? "|" : "", element != NULL ? element : "~");
    }
    return g_string_free(out, FALSE);
}

static void
test_parse(void)
{
    static const struct {
        const char *text;
        const char *elements;
        guint n;
    } cases[] = {
        {"{}", "", 0},
        {"{a}", "a", 1},
        {"{a,b,c}", "a|b|c", 3},
        {"{a,NULL,null}", "a|~|~", 3},
        {"{\"NULL\",\"\"}", "NULL|", 2},
        {"{\"a,b\",\"c}d\",\"e\\\"f\",\"g\\\\h\"}", "a,b|c}d|e\"f|g\\h", 4},
        {"{\"ä ö\",漢}", "ä ö|漢", 2},
        {"{\" a \",b c}", " a |b c", 2},
        {"{12,-3.5,1e5}", "12|-3.5|1e5", 3},
        {NULL, "", 0},
        {"", "", 0},
        {"no array", "", 0},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) list = db_array_parse(cases[i].text);
        g_autofree char *text = joined(list);

        g_assert_cmpuint(list->len, ==, cases[i].n);
        g_assert_cmpstr(text, ==, cases[i].elements);
    }
}

static void
test_text(void)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    g_autofree char *none = db_array_text(NULL);
    g_autofree char *empty = db_array_text(list);
    g_autofree char *text = NULL;

    g_ptr_array_add(list, (gpointer) "a");
    g_ptr_array_add(list, NULL);
    g_ptr_array_add(list, (gpointer) "b\"c\\d");
    text = db_array_text(list);
    g_assert_null(none);
    g_assert_cmpstr(empty, ==, "{}");
    g_assert_cmpstr(text, ==, "{\"a\",NULL,\"b\\\"c\\\\d\"}");
}

static void
test_round_trip(void)
{
    static const char *const odd[] = {"",      "a", "NULL", "null", "\"", "\\", "\\\"", "{",  "}",
                                      "{a,b}", ",", " ",    "\n",   "\t", "'",  "ä",    "漢", NULL};
    GRand *random = g_rand_new_with_seed(20240603);

    for (int round = 0; round < 500; round++) {
        g_autoptr(GPtrArray) list = g_ptr_array_new();
        g_autoptr(GPtrArray) again = NULL;
        g_autofree char *text = NULL;

        for (int i = g_rand_int_range(random, 0, 8); i > 0; i--)
            g_ptr_array_add(list, (gpointer)odd[g_rand_int_range(random, 0, G_N_ELEMENTS(odd))]);
        text = db_array_text(list);
        again = db_array_parse(text);
        g_assert_cmpuint(again->len, ==, list->len);
        for (guint i = 0; i < list->len; i++)
            g_assert_cmpstr(g_ptr_array_index(again, i), ==, g_ptr_array_index(list, i));
    }
    g_rand_free(random);
}

/* Whatever the text, the parser ends. */
static void
test_garbage(void)
{
    static const char alphabet[] = "{},\"\\aN ";
    GRand *random = g_rand_new_with_seed(20240604);

    for (int round = 0; round < 5000; round++) {
        g_autoptr(GString) text = g_string_new("{");
        g_autoptr(GPtrArray) list = NULL;

        for (int i = g_rand_int_range(random, 0, 12); i > 0; i--)
            g_string_append_c(text, alphabet[g_rand_int_range(random, 0, sizeof(alphabet) - 1)]);
        list = db_array_parse(text->str);
        g_assert_cmpuint(list->len, <=, text->len);
    }
    g_rand_free(random);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/db/array/parse", test_parse);
    g_test_add_func("/db/array/text", test_text);
    g_test_add_func("/db/array/round_trip", test_round_trip);
    g_test_add_func("/db/array/garbage", test_garbage);
    return g_test_run();
}
