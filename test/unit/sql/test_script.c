/*
 * script.h: slices, places, directives, and what is refused.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "read.h"
#include "sql/part.h"

typedef struct Place {
    const char *text;
    int line;
    int column;
} Place;

static void
assert_places(const char *source, const Place *places, guint n)
{
    g_autoptr(Script) script = read_sql(source);

    g_assert_cmpuint(script->stmts->len, ==, n);
    for (guint i = 0; i < n; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        g_assert_cmpstr(stmt->text, ==, places[i].text);
        g_assert_cmpint(stmt->line, ==, places[i].line);
        g_assert_cmpint(stmt->column, ==, places[i].column);
    }
}

#define PLACES(source, ...)                                                                                            \
    assert_places(source, (const Place[]){__VA_ARGS__}, G_N_ELEMENTS(((const Place[]){__VA_ARGS__})))

static void
test_slices(void)
{
    PLACES("SELECT 1", {"SELECT 1", 1, 1});
    PLACES("SELECT 1;", {"SELECT 1", 1, 1});
    PLACES("SELECT 1; SELECT 2 ;SELECT 3", {"SELECT 1", 1, 1}, {"SELECT 2", 1, 11}, {"SELECT 3", 1, 21});
    PLACES(";;\n ;SELECT 1;;", {"SELECT 1", 2, 3});
    PLACES("-- first\nSELECT 1 -- why\n;\n/* then */ SELECT 2 /* end */ ;", {"SELECT 1", 2, 1}, {"SELECT 2", 4, 12});
    PLACES("SELECT -- ; not here\n 1;", {"SELECT -- ; not here\n 1", 1, 1});
    PLACES("\tSELECT 1;\n\t\tSELECT 2", {"SELECT 1", 1, 2}, {"SELECT 2", 2, 3});
    PLACES("SELECT 1;\r\n\r\nSELECT\r\n 2;\r\n", {"SELECT 1", 1, 1}, {"SELECT\r\n 2", 3, 1});
    PLACES("SELECT 'ä;ö'; SELECT 'ü'; SELECT 3", {"SELECT 'ä;ö'", 1, 1}, {"SELECT 'ü'", 1, 15}, {"SELECT 3", 1, 27});
    PLACES("/* a /* b; */ c; */ SELECT 1;", {"SELECT 1", 1, 21});
    PLACES("SELECT $$a;b$$; SELECT $x$ $$ ; $x$;", {"SELECT $$a;b$$", 1, 1}, {"SELECT $x$ $$ ; $x$", 1, 17});
    PLACES("SELECT ';' || \"a;b\" FROM t; SELECT E'\\';'", {"SELECT ';' || \"a;b\" FROM t", 1, 1},
           {"SELECT E'\\';'", 1, 29});
    PLACES("SELECT 'a''b;'; SELECT B'01', 1.5e3, 1::int, 'a'\n 'b'", {"SELECT 'a''b;'", 1, 1},
           {"SELECT B'01', 1.5e3, 1::int, 'a'\n 'b'", 1, 17});
}

/* libpg_query's scanner says of U&'...' that it ends where it begins, and of U&"..." after the U. */
static void
test_unicode_escapes(void)
{
    PLACES("SELECT U&'d\\0061t;'; SELECT 2", {"SELECT U&'d\\0061t;'", 1, 1}, {"SELECT 2", 1, 22});
    PLACES("SELECT 1 AS U&\"d\\0061t;\";", {"SELECT 1 AS U&\"d\\0061t;\"", 1, 1});
    PLACES("SELECT U&'d!0061t' UESCAPE '!'; FROB U&'x';", {"SELECT U&'d!0061t' UESCAPE '!'", 1, 1},
           {"FROB U&'x'", 1, 33});
}

/* A file in which one statement is not understood is split by the scanner, not by the grammar: the same rules. */
static void
test_slices_beside_the_unknown(void)
{
    g_autoptr(Script) script = read_sql("SELECT 'ä'; -- one\n  FROB 'x;y' ; ALTER TABLE t\n ADD a int;\nSELECT $$;$$");

    g_assert_cmpuint(script->stmts->len, ==, 4);
    g_assert_cmpstr(stmt_of_kind(script, 0, STMT_UTILITY)->text, ==, "SELECT 'ä'");
    g_assert_cmpstr(stmt_of_kind(script, 1, STMT_UNKNOWN)->text, ==, "FROB 'x;y'");
    g_assert_cmpstr(stmt_of_kind(script, 2, STMT_ALTER_TABLE)->text, ==, "ALTER TABLE t\n ADD a int");
    g_assert_cmpint(stmt_of_kind(script, 2, STMT_ALTER_TABLE)->line, ==, 2);
    g_assert_cmpint(stmt_of_kind(script, 2, STMT_ALTER_TABLE)->column, ==, 16);
    g_assert_cmpstr(stmt_of_kind(script, 3, STMT_UTILITY)->text, ==, "SELECT $$;$$");
}

static void
assert_count(const char *source, guint n)
{
    g_autoptr(Script) script = read_sql(source);

    if (script->stmts->len != n)
        g_test_message("%u statements, not %u: %s", script->stmts->len, n, source);
    g_assert_cmpuint(script->stmts->len, ==, n);
}

/* What is not understood is a statement all the same: nothing of a file is ever passed over. */
static void
test_nothing_is_lost(void)
{
    assert_count("FROB x", 1);
    assert_count("FROB x; SELECT 1; FROB y; 'z'", 4);
    assert_count("ALTER TABLE t ADD a numeric(10,2)); UPDATE t SET a = 1; DROP TABLE u", 3);
    assert_count("1; 2", 2);
    assert_count("SELECT 1; )", 2);
    assert_count("FROB; CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3", 3);
}

static void
test_a_body_is_one_statement(void)
{
    g_autoptr(Script) script =
        read_sql("CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3;");
    g_autoptr(Script) broken =
        read_sql("CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END; FROB; SELECT 3;");

    g_assert_cmpuint(script->stmts->len, ==, 2);
    g_assert_cmpuint(broken->stmts->len, ==, 3);
    stmt_of_kind(broken, 0, STMT_OBJECT);
}

static void
test_nothing(void)
{
    static const char *const empty[] = {"", "  \n\t", "-- a comment", "/* a */ ;;", "\xEF\xBB\xBF"};

    for (guint i = 0; i < G_N_ELEMENTS(empty); i++) {
        g_autoptr(Script) script = read_sql(empty[i]);
        g_assert_cmpuint(script->stmts->len, ==, 0);
    }
}

static void
test_byte_order_mark(void)
{
    PLACES("\xEF\xBB\xBFSELECT 1; SELECT 2", {"SELECT 1", 1, 1}, {"SELECT 2", 1, 11});
}

static void
test_name(void)
{
    static const struct {
        const char *path;
        const char *name;
    } cases[] = {
        {"m.sql", "m"},          {"db/001_add age.sql", "001_add age"},
        {"/x/y.plan", "y.plan"}, {"-", "stdin"},
        {"a.b.sql", "a.b"},      {".sql", ".sql"},
        {"ü.sql", "ü"},          {"m.SQL", "m.SQL"},
        {"./m.sql", "m"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Script) script = script_read(cases[i].path, "SELECT 1", NULL);
        g_assert_cmpstr(script->name, ==, cases[i].name);
        g_assert_cmpstr(script->path, ==, cases[i].path);
    }
}

static void
test_what(void)
{
    static const struct {
        const char *sql;
        StmtKind kind;
        const char *what;
    } cases[] = {
        {"CREATE OR REPLACE VIEW v AS SELECT 1", STMT_OBJECT, "CREATE VIEW"},
        {"create materialized view v as select 1", STMT_OBJECT, "CREATE MATERIALIZED VIEW"},
        {"ALTER TYPE t ADD VALUE 'x'", STMT_OBJECT, "ALTER TYPE"},
        {"ALTER INDEX i SET (fillfactor = 70)", STMT_OBJECT, "ALTER INDEX"},
        {"ALTER VIEW v ALTER a SET DEFAULT 1", STMT_OBJECT, "ALTER VIEW"},
        {"DROP TABLE t", STMT_OBJECT, "DROP TABLE"},
        {"INSERT INTO t SELECT 1", STMT_INSERT, "INSERT INTO"},
        {"GRANT SELECT ON t TO x", STMT_OBJECT, "GRANT SELECT"},
        {"TRUNCATE t", STMT_OBJECT, "TRUNCATE"},
        {"BEGIN", STMT_TRANSACTION, "BEGIN"},
        {"COMMIT WORK", STMT_TRANSACTION, "COMMIT WORK"},
        {"UPDATE t SET a = 1", STMT_UPDATE, "UPDATE"},
        {"DELETE FROM t", STMT_DELETE, "DELETE FROM"},
        {"ALTER TABLE t ADD a int", STMT_ALTER_TABLE, "ALTER TABLE"},
        {"DROP INDEX i", STMT_DROP_INDEX, "DROP INDEX"},
        {"ALTER TABLE t RENAME a TO b", STMT_OBJECT, "ALTER TABLE"},
        {"VACUUM t", STMT_UTILITY, "VACUUM"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Script) script = read_sql(cases[i].sql);
        g_assert_cmpstr(stmt_of_kind(script, 0, cases[i].kind)->what, ==, cases[i].what);
    }
}

static void
test_consent(void)
{
    g_autoptr(Script) script = read_sql("-- a word\n"
                                        "-- pgseam: allow opaque because it is ours alone\n"
                                        "-- another\n"
                                        "FROB x;\n"
                                        "--pgseam:allow opaque  BECAUSE  two  words \r\n"
                                        "SELECT 1;\n"
                                        "SELECT 2; -- about pgseam: not a directive\n"
                                        "/* pgseam: allow nothing */ SELECT '-- pgseam: x';");
    const Stmt *stmt;

    g_assert_cmpuint(script->stmts->len, ==, 4);
    g_assert_cmpstr(stmt_of_kind(script, 0, STMT_UNKNOWN)->consent, ==, "it is ours alone");
    stmt = g_ptr_array_index(script->stmts, 1);
    g_assert_cmpstr(stmt->consent, ==, "two  words");
    for (guint i = 2; i < 4; i++) {
        stmt = g_ptr_array_index(script->stmts, i);
        g_assert_null(stmt->consent);
    }
}

static void
test_consent_is_for_one(void)
{
    g_autoptr(Script) script = read_sql("-- pgseam: allow opaque because a\n\n\nSELECT 1; SELECT 2;");

    g_assert_cmpstr(((const Stmt *)g_ptr_array_index(script->stmts, 0))->consent, ==, "a");
    g_assert_null(((const Stmt *)g_ptr_array_index(script->stmts, 1))->consent);
}

static void
test_directives_refused(void)
{
    assert_refused("SELECT 1;\n  -- pgseam: frob\nSELECT 2;", "unknown directive: frob", "m.sql:2:3");
    assert_refused("-- pgseam:\nSELECT 1;", "unknown directive", "m.sql:1:1");
    assert_refused("-- PGSEAM: x\nSELECT 1;", "unknown directive", "m.sql:1:1");
    assert_refused("-- pgseam: up\nSELECT 1;", "unknown directive: up", "m.sql:1:1");
    assert_refused("-- pgseam: down\nSELECT 1;", "unknown directive: down", "m.sql:1:1");
    assert_refused("-- pgseam: allow opaque\nSELECT 1;", "names a rule and a reason", "m.sql:1:1");
    assert_refused("-- pgseam: allow opaque because\nSELECT 1;", "names a rule and a reason", "m.sql:1:1");
    assert_refused("-- pgseam: allow opaque because   \nSELECT 1;", "names a rule and a reason", "m.sql:1:1");
    assert_refused("-- pgseam: allow because x\nSELECT 1;", "names a rule and a reason", "m.sql:1:1");
    assert_refused("-- pgseam: allow\nSELECT 1;", "names a rule and a reason", "m.sql:1:1");
    assert_refused("-- pgseam: allow rewrite because x\nSELECT 1;", "no rule \"rewrite\"", "m.sql:1:1");
    assert_refused("-- pgseam: allowed opaque because x\nSELECT 1;", "unknown directive", "m.sql:1:1");
}

static void
test_on_error(void)
{
    static const struct {
        const char *words;
        gboolean guards_up, guards_down;
    } cases[] = {{"reject", FALSE, FALSE},
                 {" QUARANTINE ", TRUE, TRUE},
                 {"quarantine  up", TRUE, FALSE},
                 {"quarantine down\r", FALSE, TRUE}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *source =
            g_strdup_printf("-- pgseam: version v2\n-- pgseam: on-error %s\nSELECT 1;", cases[i].words);
        g_autoptr(Script) script = read_sql(source);

        g_assert_true(script->has_on_error);
        g_assert_cmpint(script->guards_up, ==, cases[i].guards_up);
        g_assert_cmpint(script->guards_down, ==, cases[i].guards_down);
    }
    assert_refused("-- pgseam: version v\n-- pgseam: on-error\nSELECT 1;", "nothing to do on an error", "m.sql:2:1");
    assert_refused("-- pgseam: version v\n-- pgseam: on-error quarantine it\nSELECT 1;", "nothing to do on an error",
                   "m.sql:2:1");
    assert_refused("-- pgseam: on-error reject\nSELECT 1;", "for a file that makes a version", "m.sql:1:1");
    assert_refused("-- pgseam: version v\nSELECT 1;\n-- pgseam: on-error reject\nSELECT 2;",
                   "above the first statement", "m.sql:3:1");
    assert_refused("-- pgseam: version v\n-- pgseam: on-error reject\n-- pgseam: on-error reject\nSELECT 2;", "once",
                   "m.sql:3:1");
}

static void
test_directives_misplaced(void)
{
    static const char why[] = "does not stand above a statement";

    assert_refused("SELECT 1; -- pgseam: allow opaque because x\nSELECT 2;", why, "m.sql:1:11");
    assert_refused("SELECT 1;\n-- pgseam: allow opaque because x\n", why, "m.sql:2:1");
    assert_refused("SELECT\n-- pgseam: allow opaque because x\n1;\nSELECT 2;", why, "m.sql:2:1");
    assert_refused("SELECT -- pgseam: allow opaque because x\n1;", why, "m.sql:1:8");
    assert_refused("-- pgseam: allow opaque because x", why, "m.sql:1:1");
    assert_refused("SELECT 'ä'; /* ü */ -- pgseam: allow opaque because x\nSELECT 2;", why, "m.sql:1:21");
}

static void
assert_unknown(const char *source, guint i, const char *what, int offset)
{
    g_autoptr(Script) script = read_sql(source);
    const Stmt *stmt = stmt_of_kind(script, i, STMT_UNKNOWN);

    g_assert_cmpstr(stmt->what, ==, what);
    g_assert_cmpint(stmt->error_offset, ==, offset);
}

static void
test_syntax_errors(void)
{
    assert_unknown("FROB", 0, "syntax error at or near \"FROB\"", 0);
    assert_unknown("SELECT 1;\n ALTER TABLE t FROB;", 1, "syntax error at or near \"FROB\"", 25);
    assert_unknown("ALTER TABLE t ADD", 0, "syntax error at end of input", 17);
    assert_unknown("SELECT 'ä'; SELECT 'öü' FROM FROM;", 1, "syntax error at or near \"FROM\"", 32);
    assert_unknown("-- ä\n/* ö */ UPDATE t SET;", 0, "syntax error at end of input", 27);
}

static void
test_unterminated(void)
{
    assert_refused("SELECT 1;\nSELECT 'abc", "unterminated quoted string", "m.sql:2:8");
    assert_refused("SELECT 'ä';\n  SELECT $$ x", "unterminated dollar-quoted string", "m.sql:2:10");
    assert_refused("SELECT /* x", "unterminated /* comment", "m.sql:1:8");
    assert_refused("SELECT \"x", "unterminated quoted identifier", "m.sql:1:8");
    assert_refused("SELECT 1; FROB; SELECT 'x", "unterminated quoted string", "m.sql:1:24");
}

static void
test_foreign_text(void)
{
    assert_refused("SELECT 1;\n\\set x 1\nSELECT 2;", "backslash commands", "m.sql:2:1");
    assert_refused("\\i other.sql\n", "backslash commands", "m.sql:1:1");
    assert_refused("SELECT 1;\n  \\connect db", "backslash commands", "m.sql:2:3");
    assert_refused("SELECT '\xff';", "is not UTF-8", NULL);
}

static void
test_copy_data(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Script) script = script_read("m.sql", "COPY t FROM stdin;\n1\tx\n2\ty\n\\.\nSELECT 1;", &error);

    /* Refused here, or at least nothing that a recipe would take. */
    for (guint i = 0; script != NULL && i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);
        g_assert_true(stmt->kind == STMT_OTHER || stmt->kind == STMT_UTILITY || stmt->kind == STMT_UNKNOWN);
    }
    if (script == NULL)
        g_assert_true(seam_error_is(error, SEAM_ERROR_REFUSED));
}

static void
test_excerpt(void)
{
    g_autoptr(Script) script = read_sql("SELECT 1;\r\n\tSELECT 'ä漢', x;\r\n");
    const char *at = strchr(script->source, 'x');
    g_autofree char *excerpt = script_excerpt(script, (int)(at - script->source));
    g_autofree char *first = script_excerpt(script, 0);

    g_assert_cmpstr(excerpt, ==, "m.sql:2:15\n\tSELECT 'ä漢', x;\n\t              ^");
    g_assert_cmpstr(first, ==, "m.sql:1:1\nSELECT 1;\n^");
}

static void
test_load(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "pgseam-unit-XXXXXX", NULL);
    int file = g_mkstemp(path);

    g_assert_cmpint(file, >=, 0);
    g_assert_true(g_close(file, NULL));
    g_assert_true(g_file_set_contents(path, "SELECT\0 1", 9, NULL));
    g_assert_null(script_load(path, &error));
    g_assert_true(seam_error_is(error, SEAM_ERROR_REFUSED));
    g_clear_error(&error);
    g_remove(path);
    g_assert_null(script_load(path, &error));
    g_assert_true(seam_error_is(error, SEAM_ERROR_USAGE));
}

/* `a`, `b` and `c`, joined. */
static Script *
read_joined(const char *b, GError **error)
{
    g_autoptr(GString) joined = g_string_new(NULL);

    part_append(joined, "db/1_a.sql", "\xEF\xBB\xBF-- pgseam: version v2\nSELECT 'a' -- no semicolon");
    part_append(joined, "db/2 b.sql", b);
    part_append(joined, "db/3_c.sql", "\n-- pgseam: version v2\n\tSELECT 'c';");
    return script_read("db", joined->str, error);
}

static void
test_joined_files(void)
{
    static const struct {
        const char *text;
        const char *place;
        int column;
    } stmts[] = {{"SELECT 'a'", "line 2 of db/1_a.sql", 1},
                 {"SELECT '\n-- pgseam: file x\n;'", "line 2 of db/2 b.sql", 1},
                 {"FROB x", "line 5 of db/2 b.sql", 4},
                 {"SELECT 'c'", "line 3 of db/3_c.sql", 2}};
    g_autoptr(Script) script = read_joined("\r\nSELECT '\n-- pgseam: file x\n;'; /*\n*/ FROB x", NULL);
    g_autofree char *excerpt = NULL;

    g_assert_cmpuint(script->stmts->len, ==, G_N_ELEMENTS(stmts));
    g_assert_cmpstr(script->version, ==, "v2");
    for (guint i = 0; i < G_N_ELEMENTS(stmts); i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        g_assert_cmpstr(stmt->text, ==, stmts[i].text);
        g_assert_cmpstr(stmt->place, ==, stmts[i].place);
        g_assert_cmpint(stmt->column, ==, stmts[i].column);
    }
    excerpt = script_excerpt(script, ((const Stmt *)g_ptr_array_index(script->stmts, 3))->offset);
    g_assert_true(g_str_has_prefix(excerpt, "db/3_c.sql:3:2\n"));
}

static void
test_joined_files_refused(void)
{
    static const struct {
        const char *text;
        const char *message;
        const char *place;
    } cases[] = {{"-- pgseam: version v3\nSELECT 1", "an earlier file makes version \"v2\"", "db/2 b.sql:1:1"},
                 {"SELECT 1;\n-- pgseam: version v2\n", "stands once, above the first statement", "db/2 b.sql:2:1"}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(read_joined(cases[i].text, &error));
        g_assert_nonnull(strstr(error->message, cases[i].message));
        g_assert_nonnull(strstr(seam_error_get_detail(error), cases[i].place));
    }
    assert_refused("SELECT 1;\n-- pgseam: file x.sql\nSELECT 2;", "written by pgseam alone", "m.sql:2:1");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sql/script/slices", test_slices);
    g_test_add_func("/sql/script/unicode_escapes", test_unicode_escapes);
    g_test_add_func("/sql/script/slices_beside_the_unknown", test_slices_beside_the_unknown);
    g_test_add_func("/sql/script/nothing_is_lost", test_nothing_is_lost);
    g_test_add_func("/sql/script/a_body_is_one_statement", test_a_body_is_one_statement);
    g_test_add_func("/sql/script/nothing", test_nothing);
    g_test_add_func("/sql/script/byte_order_mark", test_byte_order_mark);
    g_test_add_func("/sql/script/name", test_name);
    g_test_add_func("/sql/script/what", test_what);
    g_test_add_func("/sql/script/consent", test_consent);
    g_test_add_func("/sql/script/consent_is_for_one", test_consent_is_for_one);
    g_test_add_func("/sql/script/directives_refused", test_directives_refused);
    g_test_add_func("/sql/script/on_error", test_on_error);
    g_test_add_func("/sql/script/directives_misplaced", test_directives_misplaced);
    g_test_add_func("/sql/script/syntax_errors", test_syntax_errors);
    g_test_add_func("/sql/script/unterminated", test_unterminated);
    g_test_add_func("/sql/script/foreign_text", test_foreign_text);
    g_test_add_func("/sql/script/copy_data", test_copy_data);
    g_test_add_func("/sql/script/excerpt", test_excerpt);
    g_test_add_func("/sql/script/load", test_load);
    g_test_add_func("/sql/script/joined", test_joined_files);
    g_test_add_func("/sql/script/joined_refused", test_joined_files_refused);
    return g_test_run();
}
