/*
 * base/: names, SQL text, errors.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "base/names.h"
#include "base/sqltext.h"

static char *
repeated(const char *piece, guint times)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < times; i++)
        g_string_append(text, piece);
    return g_string_free(text, FALSE);
}

static void
test_name_bounded(void)
{
    g_autofree char *brief = name_bounded("not_null", "users_age");
    g_autofree char *odd = name_bounded("x", "Ä \"b\"");

    g_assert_cmpstr(brief, ==, "pgseam_not_null_users_age");
    g_assert_cmpstr(odd, ==, "pgseam_x_Ä \"b\"");
    for (guint length = 1; length < 130; length++) {
        g_autofree char *stem = repeated("a", length);
        g_autofree char *name = name_bounded("x", stem);

        g_assert_cmpuint(strlen(name), <=, NAME_MAX_BYTES);
        if (length <= 54)
            g_assert_true(g_str_has_suffix(name, stem));
        else
            g_assert_cmpuint(strlen(name), ==, NAME_MAX_BYTES);
    }
}

/* Characters of one to four bytes at each place where the cut may fall. */
static void
test_name_bounded_cuts_between_characters(void)
{
    static const char *const characters[] = {"a", "ä", "漢", "😀"};

    for (guint i = 0; i < G_N_ELEMENTS(characters); i++) {
        for (guint shift = 0; shift < 5; shift++) {
            g_autofree char *front = repeated("b", shift);
            g_autofree char *tail = repeated(characters[i], 70);
            g_autofree char *stem = g_strconcat(front, tail, NULL);
            g_autofree char *name = name_bounded("x", stem);
            gsize length = strlen(name);

            g_assert_true(g_utf8_validate(name, -1, NULL));
            g_assert_cmpuint(length, <=, NAME_MAX_BYTES);
            g_assert_cmpuint(length, >, NAME_MAX_BYTES - 4);
            g_assert_cmpint(name[length - 9], ==, '_');
        }
    }
}

/* Long stems that agree in their first 200 bytes. */
static void
test_names_do_not_collide(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *front = repeated("c", 200);

    for (int i = 0; i < 20000; i++) {
        g_autofree char *stem = g_strdup_printf("%s%d", front, i);
        g_assert_true(g_hash_table_add(seen, name_bounded("not_null", stem)));
    }
}

/* makeObjectName() of PostgreSQL's src/backend/commands/indexcmds.c, from its description: 63 bytes, the longer of the
 * two names loses a byte at a time, each is then cut to whole characters. */
static char *
make_object_name(const char *table, const char *columns, const char *label)
{
    gsize a = strlen(table);
    gsize b = strlen(columns);

    while (a + b + strlen(label) + 2 > 63) {
        if (a > b)
            a--;
        else
            b--;
    }
    while (a < strlen(table) && ((guchar)table[a] & 0xC0) == 0x80)
        a--;
    while (b < strlen(columns) && ((guchar)columns[b] & 0xC0) == 0x80)
        b--;
    return g_strdup_printf("%.*s_%.*s_%s", (int)a, table, (int)b, columns, label);
}

static void
test_name_default_index(void)
{
    g_autofree char *brief = name_default_index("users", "age", 0);
    g_autofree char *second = name_default_index("users", "a_b", 12);

    g_assert_cmpstr(brief, ==, "users_age_idx");
    g_assert_cmpstr(second, ==, "users_a_b_idx12");
    for (guint i = 0; i < 80; i++) {
        for (guint k = 0; k < 80; k += 3) {
            g_autofree char *table = repeated(i % 2 == 0 ? "t" : "ä", i);
            g_autofree char *columns = repeated(k % 2 == 0 ? "c" : "漢", k);
            g_autofree char *label = i % 5 == 0 ? g_strdup("idx") : g_strdup_printf("idx%u", i % 5);
            g_autofree char *expected = make_object_name(table, columns, label);
            g_autofree char *actual = name_default_index(table, columns, i % 5);

            g_assert_cmpstr(actual, ==, expected);
            g_assert_cmpuint(strlen(actual), <=, NAME_MAX_BYTES);
        }
    }
}

static void
test_identifiers(void)
{
    static const struct {
        const char *name;
        const char *quoted;
    } cases[] = {
        {"users", "users"},
        {"_x1", "_x1"},
        {"Users", "\"Users\""},
        {"1x", "\"1x\""},
        {"a b", "\"a b\""},
        {"a\"b", "\"a\"\"b\""},
        {"ä", "\"ä\""},
        {"", "\"\""},
        {"select", "\"select\""},
        {"user", "\"user\""},
        {"between", "\"between\""},
        {"a$b", "\"a$b\""},
        {"a'b", "\"a'b\""},
        {"a\nb", "\"a\nb\""},
        {"a;--", "\"a;--\""},
        {"name", "name"},
        {"values", "\"values\""},
        {"\\", "\"\\\""},
        {"pg_temp", "pg_temp"},
        {"xmltable", "\"xmltable\""},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *quoted = sql_quote_ident(cases[i].name);
        g_assert_cmpstr(quoted, ==, cases[i].quoted);
    }
}

static void
test_build(void)
{
    g_autofree char *odd = sql_build("ALTER TABLE ? ADD ? text DEFAULT ?", sql_name("a\"b", "C"), sql_ident("d e"),
                                     sql_literal("it's \\ \"?\""));
    g_autofree char *plain =
        sql_build("? ? ? ?", sql_name(NULL, "t"), sql_literal(NULL), sql_int(G_MININT64), sql_raw("a = ? -- '"));
    g_autofree char *name = sql_quote_name("s", "Order");
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *empty = sql_quote_list(names);
    g_autofree char *list = NULL;

    g_ptr_array_add(names, (gpointer) "public");
    g_ptr_array_add(names, (gpointer) "My, schema");
    list = sql_quote_list(names);
    g_assert_cmpstr(odd, ==, "ALTER TABLE \"a\"\"b\".\"C\" ADD \"d e\" text DEFAULT 'it''s \\ \"?\"'");
    g_assert_cmpstr(plain, ==, "t NULL -9223372036854775808 a = ? -- '");
    g_assert_cmpstr(name, ==, "s.\"Order\"");
    g_assert_cmpstr(list, ==, "public, \"My, schema\"");
    g_assert_cmpstr(empty, ==, "");
}

static void
test_build_counts(void)
{
    if (g_test_subprocess()) {
        g_autofree char *sql = g_strcmp0(g_getenv("PGSEAM_TEST_MANY"), NULL) != 0
                                   ? sql_build("? ?", sql_ident("a"), sql_ident("b"), sql_ident("c"))
                                   : sql_build("? ?", sql_ident("a"));
        g_assert_nonnull(sql);
        return;
    }
    g_unsetenv("PGSEAM_TEST_MANY");
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*used < n_args*");
    g_setenv("PGSEAM_TEST_MANY", "1", TRUE);
    g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*used == n_args*");
}

static void
test_error_parts(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) copy = NULL;

    seam_error_set_sql(&error, SEAM_ERROR_SQL, "23505", "100 % wrong");
    g_assert_null(seam_error_get_detail(error));
    seam_error_detail(&error, "row %d", 5);
    seam_error_hint(&error, "first %s", "hint");
    seam_error_hint(&error, "second %s", "hint");
    copy = g_error_copy(error);
    g_clear_error(&error);
    g_assert_cmpstr(copy->message, ==, "100 % wrong");
    g_assert_cmpstr(seam_error_get_sqlstate(copy), ==, "23505");
    g_assert_cmpstr(seam_error_get_detail(copy), ==, "row 5");
    g_assert_cmpstr(seam_error_get_hint(copy), ==, "second hint");
    g_assert_true(seam_error_has_sqlstate(copy, "23505"));
    g_assert_false(seam_error_has_sqlstate(copy, "23514"));
    g_assert_false(seam_error_has_sqlstate(copy, NULL));
    g_assert_true(seam_error_is(copy, SEAM_ERROR_SQL));
    seam_error_recode(&copy, SEAM_ERROR_REFUSED);
    g_assert_true(seam_error_is(copy, SEAM_ERROR_REFUSED));
    g_assert_cmpstr(seam_error_get_hint(copy), ==, "second hint");
}

/* What is not there, or not ours, is left alone. */
static void
test_error_of_nobody(void)
{
    g_autoptr(GError) other = g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_NOENT, "x");
    g_autoptr(GError) none = NULL;

    seam_error_set(NULL, SEAM_ERROR_FAILED, "x");
    seam_error_set_sql(NULL, SEAM_ERROR_SQL, "42601", "x");
    seam_error_detail(NULL, "x");
    seam_error_hint(&none, "x");
    seam_error_recode(&none, SEAM_ERROR_LOCK);
    seam_error_hint(&other, "x");
    seam_error_recode(&other, SEAM_ERROR_LOCK);
    g_assert_null(none);
    g_assert_cmpint(other->code, ==, G_FILE_ERROR_NOENT);
    g_assert_null(seam_error_get_hint(other));
    g_assert_null(seam_error_get_sqlstate(NULL));
    g_assert_false(seam_error_is(NULL, SEAM_ERROR_FAILED));
    g_assert_false(seam_error_is(other, (SeamErrorCode)G_FILE_ERROR_NOENT));
    g_assert_false(seam_error_has_sqlstate(NULL, "42601"));
    g_assert_false(seam_error_has_sqlstate(NULL, NULL));
}

static void
test_exit_status(void)
{
    static const int expected[] = {[SEAM_ERROR_FAILED] = 1,    [SEAM_ERROR_SQL] = 1,   [SEAM_ERROR_LOST] = 1,
                                   [SEAM_ERROR_CANCELLED] = 1, [SEAM_ERROR_USAGE] = 2, [SEAM_ERROR_REFUSED] = 3,
                                   [SEAM_ERROR_FENCED] = 3,    [SEAM_ERROR_LOCK] = 4,  [SEAM_ERROR_DRIFT] = 5};
    g_autoptr(GError) option = g_error_new_literal(G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "x");
    g_autoptr(GError) file = g_error_new_literal(G_FILE_ERROR, G_FILE_ERROR_NOENT, "x");

    for (guint code = 0; code < G_N_ELEMENTS(expected); code++) {
        g_autoptr(GError) error = NULL;

        seam_error_set(&error, (SeamErrorCode)code, "x");
        g_assert_cmpint(seam_error_exit_status(error), ==, expected[code]);
    }
    g_assert_cmpint(seam_error_exit_status(option), ==, 2);
    g_assert_cmpint(seam_error_exit_status(file), ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/names/bounded", test_name_bounded);
    g_test_add_func("/base/names/bounded_cuts_between_characters", test_name_bounded_cuts_between_characters);
    g_test_add_func("/base/names/do_not_collide", test_names_do_not_collide);
    g_test_add_func("/base/names/default_index", test_name_default_index);
    g_test_add_func("/base/sqltext/identifiers", test_identifiers);
    g_test_add_func("/base/sqltext/build", test_build);
    g_test_add_func("/base/sqltext/build_counts", test_build_counts);
    g_test_add_func("/base/error/parts", test_error_parts);
    g_test_add_func("/base/error/of_nobody", test_error_of_nobody);
    g_test_add_func("/base/error/exit_status", test_exit_status);
    return g_test_run();
}
