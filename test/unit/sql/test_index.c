/*
 * CREATE INDEX and DROP INDEX.
 */
#include <string.h>

#include "read.h"
#include "sql/splice.h"

typedef struct Create {
    const char *sql;
    const char *name;  /* NULL: none */
    const char *stem;  /* what a default name would have in the middle */
    const char *head;  /* up to where words are put in */
    const char *flags; /* of "ucio": unique, concurrently, if not exists, only */
} Create;

static void
assert_create(const Create *expected)
{
    g_autoptr(Script) script = read_sql(expected->sql);
    const Stmt *stmt = stmt_of_kind(script, 0, STMT_CREATE_INDEX);
    const CreateIndexStmt *create = &stmt->create_index;
    g_autofree char *head = g_strndup(stmt->text, (gsize)create->index_end);

    g_test_message("%s", expected->sql);
    g_assert_cmpstr(create->relation.name, ==, "t");
    g_assert_cmpstr(create->name, ==, expected->name);
    g_assert_cmpstr(create->column_stem, ==, expected->stem);
    g_assert_cmpstr(head, ==, expected->head);
    g_assert_cmpint(create->is_unique, ==, strchr(expected->flags, 'u') != NULL);
    g_assert_cmpint(create->is_concurrent, ==, strchr(expected->flags, 'c') != NULL);
    g_assert_cmpint(create->if_not_exists, ==, strchr(expected->flags, 'i') != NULL);
    g_assert_cmpint(create->is_only, ==, strchr(expected->flags, 'o') != NULL);
}

static void
test_create(void)
{
    static const Create cases[] = {
        {"CREATE INDEX ON t (a)", NULL, "a", "CREATE INDEX", ""},
        {"CREATE INDEX i ON t (a)", "i", "a", "CREATE INDEX", ""},
        {"CREATE UNIQUE INDEX \"I i\" ON s.t (a, \"B\")", "I i", "a_B", "CREATE UNIQUE INDEX", "u"},
        {"CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", "i", "a", "CREATE INDEX CONCURRENTLY", "ci"},
        {"create index concurrently on only t using gin (a)", NULL, "a", "create index concurrently", "co"},
        {"CREATE INDEX /* INDEX */ IF NOT EXISTS i ON t (a DESC NULLS LAST)", "i", "a", "CREATE INDEX", "i"},
        {"CREATE INDEX ON t (a) INCLUDE (b, c) WITH (fillfactor = 70) WHERE d IS NULL", NULL, "a_b_c", "CREATE INDEX",
         ""},
        {"CREATE INDEX \"CONCURRENTLY\" ON t (\"index\")", "CONCURRENTLY", "index", "CREATE INDEX", ""},
        {"CREATE INDEX ON t (a text_pattern_ops, b COLLATE \"C\")", NULL, "a_b", "CREATE INDEX", ""},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_create(&cases[i]);
}

/* FigureIndexColname and ChooseIndexColumnNames of PostgreSQL: what plain psql would have called it. */
static void
test_stem_of_expressions(void)
{
    static const Create cases[] = {
        {"CREATE INDEX ON t ((a || b))", NULL, "expr", "CREATE INDEX", ""},
        {"CREATE INDEX ON t (lower(a))", NULL, "lower", "CREATE INDEX", ""},
        {"CREATE INDEX ON t (pg_catalog.lower(a), b)", NULL, "lower_b", "CREATE INDEX", ""},
        {"CREATE INDEX ON t ((a::date))", NULL, "a", "CREATE INDEX", ""},
        {"CREATE INDEX ON t (coalesce(a, b))", NULL, "coalesce", "CREATE INDEX", ""},
        {"CREATE INDEX ON t (a, a)", NULL, "a_a1", "CREATE INDEX", ""},
        {"CREATE INDEX ON t ((a + 1), (b + 1))", NULL, "expr_expr1", "CREATE INDEX", ""},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_create(&cases[i]);
}

static gboolean
holds(const GPtrArray *names, const char *name)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

static void
test_uses(void)
{
    g_autoptr(Script) script =
        read_sql("CREATE INDEX ON t (a, lower(b), (c + d)) INCLUDE (e) WHERE f IS NULL AND g(h) > 0");
    const Expr *uses = &stmt_of_kind(script, 0, STMT_CREATE_INDEX)->create_index.uses;
    static const char *const columns[] = {"a", "b", "c", "d", "e", "f", "h"};

    for (guint i = 0; i < G_N_ELEMENTS(columns); i++)
        g_assert_true(holds(uses->columns, columns[i]));
    g_assert_cmpuint(uses->columns->len, ==, G_N_ELEMENTS(columns));
    g_assert_true(holds(uses->functions, "lower"));
    g_assert_true(holds(uses->functions, "g"));
    g_assert_true(holds(uses->operators, "+"));
}

/* Words put in where index_end says make the statement they should. */
static void
test_words_put_in(void)
{
    static const char *const texts[] = {"CREATE INDEX ON t (a)", "CREATE UNIQUE INDEX--x\nON s.t (lower(a))",
                                        "CREATE INDEX IF NOT EXISTS i ON t (a)"};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(Script) script = read_sql(texts[i]);
        const Stmt *stmt = stmt_of_kind(script, 0, STMT_CREATE_INDEX);
        gboolean named = stmt->create_index.name != NULL;
        g_autofree char *sql =
            splice_insert(stmt->text, stmt->create_index.index_end, named ? " CONCURRENTLY" : " CONCURRENTLY \"N n\"");
        g_autoptr(Script) again = read_sql(sql);
        const CreateIndexStmt *create = &stmt_of_kind(again, 0, STMT_CREATE_INDEX)->create_index;

        g_assert_true(create->is_concurrent);
        g_assert_cmpstr(create->name, ==, named ? "i" : "N n");
        g_assert_cmpint(create->is_unique, ==, stmt->create_index.is_unique);
    }
}

static void
test_drop(void)
{
    g_autoptr(Script) script =
        read_sql("DROP INDEX IF EXISTS a, s.\"B b\", db.s.c CASCADE; DROP INDEX CONCURRENTLY x;");
    const DropIndexStmt *drop = &stmt_of_kind(script, 0, STMT_DROP_INDEX)->drop_index;
    static const RelName expected[] = {{NULL, (char *)"a"}, {(char *)"s", (char *)"B b"}, {(char *)"s", (char *)"c"}};

    g_assert_cmpuint(drop->names->len, ==, 3);
    for (guint i = 0; i < 3; i++) {
        const RelName *name = g_ptr_array_index(drop->names, i);
        g_assert_cmpstr(name->schema, ==, expected[i].schema);
        g_assert_cmpstr(name->name, ==, expected[i].name);
    }
    g_assert_true(drop->if_exists);
    g_assert_true(drop->is_cascade);
    g_assert_false(drop->is_concurrent);
    g_assert_cmpint(drop->index_end, ==, (int)strlen("DROP INDEX"));
    drop = &stmt_of_kind(script, 1, STMT_DROP_INDEX)->drop_index;
    g_assert_true(drop->is_concurrent);
    g_assert_false(drop->if_exists);
    g_assert_false(drop->is_cascade);
    g_assert_cmpint(drop->index_end, ==, (int)strlen("DROP INDEX CONCURRENTLY"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sql/index/create", test_create);
    g_test_add_func("/sql/index/stem_of_expressions", test_stem_of_expressions);
    g_test_add_func("/sql/index/uses", test_uses);
    g_test_add_func("/sql/index/words_put_in", test_words_put_in);
    g_test_add_func("/sql/index/drop", test_drop);
    return g_test_run();
}
