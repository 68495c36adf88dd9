/*
 * UPDATE, DELETE, and what splicing makes of them.
 */
#include <string.h>

#include "read.h"
#include "sql/splice.h"

typedef struct Dml {
    const char *sql;
    const char *assignments; /* "a=1; b=f(x)"; "!" in front of what is not simple */
    const char *where;
    const char *guards; /* "a null; b <> 'x'; c = 1" */
} Dml;

static char *
assignments_text(const DmlStmt *dml)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);

        g_string_append_printf(out, "%s%s%s=%s", i > 0 ? "; " : "", assignment->is_simple ? "" : "!",
                               assignment->column, assignment->value.text != NULL ? assignment->value.text : "");
    }
    return g_string_free(out, FALSE);
}

static char *
guards_text(const DmlStmt *dml)
{
    static const char *const kinds[] = {[GUARD_IS_NULL] = " null", [GUARD_DIFFERS] = " <> ", [GUARD_EQUALS] = " = "};
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < dml->guards->len; i++) {
        const Guard *guard = g_ptr_array_index(dml->guards, i);

        g_string_append_printf(out, "%s%s%s%s", i > 0 ? "; " : "", guard->column, kinds[guard->kind],
                               guard->literal != NULL ? guard->literal : "");
    }
    return g_string_free(out, FALSE);
}

static const DmlStmt *
dml_of(const Script *script)
{
    const Stmt *stmt = g_ptr_array_index(script->stmts, 0);

    g_assert_cmpuint(script->stmts->len, ==, 1);
    g_assert_true(stmt->kind == STMT_UPDATE || stmt->kind == STMT_DELETE || stmt->kind == STMT_INSERT);
    return &stmt->dml;
}

static void
assert_dml(const Dml *expected)
{
    g_autoptr(Script) script = read_sql(expected->sql);
    const DmlStmt *dml = dml_of(script);
    g_autofree char *assignments = assignments_text(dml);
    g_autofree char *guards = guards_text(dml);

    g_test_message("%s", expected->sql);
    g_assert_null(dml->unsupported);
    g_assert_cmpstr(assignments, ==, expected->assignments);
    g_assert_cmpstr(dml->where.text, ==, expected->where);
    g_assert_cmpstr(guards, ==, expected->guards);
    if (expected->where == NULL)
        g_assert_cmpint(dml->where_keyword, ==, (int)strlen(expected->sql));
    else
        g_assert_cmpint(g_ascii_strncasecmp(expected->sql + dml->where_keyword, "WHERE", 5), ==, 0);
}

static void
test_assignments(void)
{
    static const Dml cases[] = {
        {"UPDATE t SET a = 1", "a=1", NULL, ""},
        {"UPDATE t SET a=1,b=2 WHERE c", "a=1; b=2", "c", "c = true"},
        {"UPDATE t SET a = f(1, 2), b = 'x, WHERE' WHERE c > 0", "a=f(1, 2); b='x, WHERE'", "c > 0", ""},
        {"UPDATE t SET a = CASE WHEN b THEN 1 ELSE 2 END, \"B c\" = (SELECT 1 WHERE true), d = ARRAY[1,2]",
         "a=CASE WHEN b THEN 1 ELSE 2 END; B c=(SELECT 1 WHERE true); d=ARRAY[1,2]", NULL, ""},
        {"UPDATE t SET a = b IS DISTINCT FROM c, d = e IS NOT DISTINCT FROM NULL WHERE f IS DISTINCT FROM g",
         "a=b IS DISTINCT FROM c; d=e IS NOT DISTINCT FROM NULL", "f IS DISTINCT FROM g", ""},
        {"UPDATE t SET a = extract(year FROM b), c = trim(both 'x' FROM d), e = substring(f FROM 1 FOR 2)",
         "a=extract(year FROM b); c=trim(both 'x' FROM d); e=substring(f FROM 1 FOR 2)", NULL, ""},
        {"UPDATE t SET a = DEFAULT, b = 1", "!a=; b=1", NULL, ""},
        {"UPDATE t SET a.x = 1, b[1] = 2, c = 3", "!a=; !b=; c=3", NULL, ""},
        {"UPDATE t SET a /* = 2 */ = -- , b = 3\n 1 /* x */ WHERE /* y */ b IS NULL -- z", "a=1", "b IS NULL",
         "b null"},
        {"UPDATE t SET a = sum(b) FILTER (WHERE c) OVER () WHERE d = 1", "a=sum(b) FILTER (WHERE c) OVER ()", "d = 1",
         "d = 1"},
        {"UPDATE t SET a = b = c", "a=b = c", NULL, ""},
        {"DELETE FROM t", "", NULL, ""},
        {"DELETE FROM t WHERE a = 'x' AND b IN (1, 2)", "", "a = 'x' AND b IN (1, 2)", "a = 'x'"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_dml(&cases[i]);
}

static void
test_guards(void)
{
    static const struct {
        const char *where;
        const char *guards;
    } cases[] = {
        {"a IS NULL", "a null"},
        {"t.a IS NULL AND (b <> 'x' AND c = 0)", "a null; b <> 'x'; c = 0"},
        {"a IS NULL OR b IS NULL", ""},
        {"(a IS NULL OR b IS NULL) AND c IS NULL", "c null"},
        {"a IS NOT NULL", ""},
        {"a IS DISTINCT FROM 5", "a <> 5"},
        {"a IS NOT DISTINCT FROM 5", ""},
        {"a IS DISTINCT FROM NULL", ""},
        {"a = NULL", ""},
        {"a <> NULL", ""},
        {"a != 'x'", "a <> 'x'"},
        {"NOT a", "a = false"},
        {"NOT (a AND b)", ""},
        {"a AND NOT b", "a = true; b = false"},
        {"a = -1", "a = -1"},
        {"a = 1.50", "a = 1.50"},
        {"a = true", "a = true"},
        {"a > 1 AND a < 5", ""},
        {"a = ANY ('{1}')", ""},
        {"a = 'x'::text", ""},
        {"a OPERATOR(pg_catalog.=) 1", ""},
        {"lower(a) = 'x'", ""},
        {"a LIKE 'x'", ""},
        {"EXISTS (SELECT 1 FROM u WHERE u.a IS NULL)", ""},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *sql = g_strconcat("UPDATE t SET z = 1 WHERE ", cases[i].where, NULL);
        assert_dml(&(Dml){sql, "z=1", cases[i].where, cases[i].guards});
    }
}

static void
test_names(void)
{
    static const struct {
        const char *sql;
        const char *schema;
        const char *name;
        const char *alias;
        gboolean is_only;
    } cases[] = {
        {"UPDATE t SET a = 1", NULL, "t", NULL, FALSE},
        {"UPDATE ONLY s.t AS x SET a = 1", "s", "t", "x", TRUE},
        {"UPDATE s.\"T t\" \"Set\" SET a = 1", "s", "T t", "Set", FALSE},
        {"UPDATE ONLY (t) SET a = 1", NULL, "t", NULL, TRUE},
        {"UPDATE t * SET a = 1", NULL, "t", NULL, FALSE},
        {"DELETE FROM ONLY s.t x WHERE x.a = 1", "s", "t", "x", TRUE},
        {"DELETE FROM \"WHERE\" AS \"where\" WHERE a = 1", NULL, "WHERE", "where", FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Script) script = read_sql(cases[i].sql);
        const DmlStmt *dml = dml_of(script);

        g_assert_cmpstr(dml->relation.schema, ==, cases[i].schema);
        g_assert_cmpstr(dml->relation.name, ==, cases[i].name);
        g_assert_cmpstr(dml->alias, ==, cases[i].alias);
        g_assert_cmpint(dml->is_only, ==, cases[i].is_only);
        g_assert_null(dml->unsupported);
    }
}

static void
test_unsupported(void)
{
    static const struct {
        const char *sql;
        const char *what;
    } cases[] = {
        {"UPDATE t SET a = u.a FROM u WHERE u.id = t.id", NULL},
        {"WITH w AS (SELECT 1) UPDATE t SET a = 1", "WITH"},
        {"WITH w AS (UPDATE u SET b = 1 WHERE c RETURNING b) UPDATE t SET a = 1 FROM w",
         "a WITH query that changes data"},
        {"UPDATE t SET a = 1 RETURNING *", NULL},
        {"UPDATE t SET a = 1 WHERE CURRENT OF c", "WHERE CURRENT OF"},
        {"DELETE FROM t USING u WHERE u.id = t.id", NULL},
        {"WITH w AS (SELECT 1) DELETE FROM t", "WITH"},
        {"WITH w AS (SELECT 1) INSERT INTO t SELECT * FROM w", "WITH"},
        {"INSERT INTO t VALUES (1)", NULL},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Script) script = read_sql(cases[i].sql);
        g_assert_cmpstr(dml_of(script)->unsupported, ==, cases[i].what);
    }
}

/* Several columns at once: each has its own value where the source is a row, else they share it. */
static void
test_multi_assignment(void)
{
    g_autoptr(Script) script =
        read_sql("UPDATE t SET (a, b) = (x, random()), c = DEFAULT, (d, e) = (SELECT y, z FROM u), f.g = 1, h[2] = 3");
    const DmlStmt *dml = dml_of(script);
    static const struct {
        const char *column;
        const char *first; /* column that the value reads */
        gboolean has_subquery;
        guint functions;
    } expected[] = {{"a", "x", FALSE, 0}, {"b", NULL, FALSE, 1}, {"c", NULL, FALSE, 0}, {"d", "y", TRUE, 0},
                    {"e", "y", TRUE, 0},  {"f", NULL, FALSE, 0}, {"h", NULL, FALSE, 0}};

    g_assert_cmpuint(dml->assignments->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);

        g_assert_cmpstr(assignment->column, ==, expected[i].column);
        g_assert_false(assignment->is_simple);
        g_assert_cmpint(assignment->value.has_subquery, ==, expected[i].has_subquery);
        g_assert_cmpuint(assignment->value.functions->len, ==, expected[i].functions);
        g_assert_cmpstr(assignment->value.columns->len > 0 ? g_ptr_array_index(assignment->value.columns, 0) : NULL, ==,
                        expected[i].first);
    }
}

/* What is read besides the row in hand, and what would come out otherwise in batches. */
typedef struct Reading {
    const char *sql;
    const char *reads;
    const char *hazard; /* how it begins; NULL: none */
} Reading;

static void
assert_readings(const Reading *cases, gsize n)
{
    for (guint i = 0; i < n; i++) {
        g_autoptr(Script) script = read_sql(cases[i].sql);
        const DmlStmt *dml = dml_of(script);
        g_autoptr(GString) reads = g_string_new(NULL);

        for (guint k = 0; k < dml->reads->len; k++) {
            const RelName *read = g_ptr_array_index(dml->reads, k);
            g_string_append_printf(reads, "%s%s%s%s", k > 0 ? " " : "", read->schema != NULL ? read->schema : "",
                                   read->schema != NULL ? "." : "", read->name);
        }
        g_test_message("%s: %s", cases[i].sql, dml->hazard != NULL ? dml->hazard : "no hazard");
        g_assert_cmpstr(reads->str, ==, cases[i].reads);
        g_assert_cmpint(dml->hazard != NULL, ==, cases[i].hazard != NULL);
        g_assert_true(dml->hazard == NULL || g_str_has_prefix(dml->hazard, cases[i].hazard));
    }
}

static void
test_reads(void)
{
    static const Reading cases[] = {
        {"UPDATE t SET a = 1 WHERE b", "", NULL},
        {"UPDATE t SET a = u.a FROM s.u JOIN v ON true WHERE u.id = t.id", "s.u v", NULL},
        {"UPDATE t SET a = (SELECT max(x) FROM u), (b, c) = (SELECT 1, 2 FROM v) WHERE d IN (SELECT e FROM w)", "u v w",
         NULL},
        {"DELETE FROM t USING u WHERE u.id = t.id AND EXISTS (SELECT FROM t AS other)", "u t", NULL},
        {"DELETE FROM t WHERE id IN (SELECT id FROM u LIMIT 10)", "u", "LIMIT"},
        {"DELETE FROM t WHERE id IN (SELECT id FROM u OFFSET 10)", "u", "LIMIT"},
        {"UPDATE t SET a = (SELECT u.a FROM u WHERE u.id = t.id ORDER BY u.b LIMIT 1)", "u", NULL},
        {"UPDATE t AS x SET a = (SELECT u.a FROM u WHERE u.id = x.id FETCH FIRST ROW ONLY)", "u", NULL},
        {"UPDATE t AS x SET a = (SELECT u.a FROM u WHERE u.id = x.id AND u.k IN (SELECT k FROM v LIMIT 1))", "u v",
         "LIMIT"},
        {"UPDATE t SET a = (SELECT a FROM u FOR UPDATE)", "u", "FOR UPDATE"},
        {"UPDATE t SET a = n FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM u) AS s WHERE s.id = t.id", "u",
         "a window function"},
        {"DELETE FROM t USING u TABLESAMPLE system (10)", "u", "TABLESAMPLE"},
        {"WITH w AS (SELECT * FROM u) UPDATE t SET a = 1 FROM w", "u w", NULL},
        {"UPDATE t SET a = 1 RETURNING (SELECT count(*) FROM u)", "u", NULL},
    };

    assert_readings(cases, G_N_ELEMENTS(cases));
}

static void
test_insert_reads(void)
{
    static const Reading cases[] = {
        {"INSERT INTO t SELECT * FROM s", "s", NULL},
        {"INSERT INTO t SELECT s.a, (SELECT max(x) FROM v) FROM s JOIN u ON true WHERE EXISTS (SELECT FROM w)",
         "v s u w", NULL},
        {"INSERT INTO t SELECT a FROM s LEFT JOIN u ON true", "s u", NULL},
        {"INSERT INTO t SELECT a FROM s RIGHT JOIN u ON true", "s u", "a RIGHT"},
        {"INSERT INTO t SELECT a FROM s FULL JOIN u ON true", "s u", "a RIGHT"},
        {"INSERT INTO t SELECT a FROM (s JOIN u ON true) AS j", "s u", "a RIGHT"},
        {"INSERT INTO t SELECT a FROM (SELECT 1 AS a) AS s", "", "FROM"},
        {"INSERT INTO t SELECT x FROM s AS s(x)", "s", "FROM"},
        {"INSERT INTO t SELECT a FROM generate_series(1, 3) AS a", "", "FROM"},
        {"INSERT INTO t SELECT DISTINCT a FROM s", "s", "DISTINCT"},
        {"INSERT INTO t SELECT DISTINCT ON (a) a FROM s", "s", "DISTINCT"},
        {"INSERT INTO t SELECT a FROM s GROUP BY a", "s", "GROUP BY"},
        {"INSERT INTO t SELECT 1 FROM s HAVING true", "s", "GROUP BY"},
        {"INSERT INTO t SELECT a FROM s ORDER BY a", "s", "ORDER BY"},
        {"INSERT INTO t SELECT a FROM s LIMIT 5", "s", "LIMIT"},
        {"INSERT INTO t SELECT a FROM s FOR SHARE", "s", "FOR UPDATE"},
        {"INSERT INTO t SELECT row_number() OVER () FROM s", "s", "a window function"},
        {"INSERT INTO t SELECT a FROM s UNION SELECT a FROM u", "s u", "UNION"},
        {"INSERT INTO t VALUES (1), ((SELECT max(a) FROM u))", "u", NULL},
        {"INSERT INTO t SELECT 1, now()", "", NULL},
        {"INSERT INTO t DEFAULT VALUES", "", NULL},
    };

    assert_readings(cases, G_N_ELEMENTS(cases));
}

static void
test_insert(void)
{
    g_autoptr(Script) script =
        read_sql("INSERT INTO s.t AS x (a, \"B\") SELECT o.a, lower(o.b), (SELECT max(y) FROM u) "
                 "FROM orders AS o WHERE o.c > 1 ON CONFLICT (a) DO UPDATE SET a = f(1)");
    const DmlStmt *dml = dml_of(script);

    g_assert_cmpstr(dml->relation.schema, ==, "s");
    g_assert_cmpstr(dml->relation.name, ==, "t");
    g_assert_cmpstr(dml->source.name, ==, "orders");
    g_assert_cmpstr(dml->alias, ==, "o");
    g_assert_cmpuint(dml->columns->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(dml->columns, 1), ==, "B");
    g_assert_cmpstr(dml->where.text, ==, "o.c > 1");
    g_assert_cmpstr(dml->query, ==, "SELECT o.a, lower(o.b), (SELECT max(y) FROM u) FROM orders AS o WHERE o.c > 1");
    g_assert_true(dml->is_upsert);
    g_assert_false(dml->is_values);
    g_assert_cmpuint(dml->outer.functions->len, ==, 1);
    g_assert_cmpuint(dml->rest.functions->len, ==, 3);
}

static void
test_expressions(void)
{
    g_autoptr(Script) script = read_sql("UPDATE t SET a = $1, b = (SELECT 1), c = t.*, d = count(*), e = now() WHERE "
                                        "s.t.f + 1 > g AND pg_catalog.lower(h) ~~ 'x' AND i IS NULL");
    const DmlStmt *dml = dml_of(script);
    const Assignment *at[5];

    for (guint i = 0; i < 5; i++)
        at[i] = g_ptr_array_index(dml->assignments, i);
    g_assert_true(at[0]->value.has_parameter);
    g_assert_true(at[1]->value.has_subquery);
    g_assert_true(at[2]->value.has_whole_row);
    g_assert_true(at[3]->value.has_aggregate);
    g_assert_false(at[4]->value.has_aggregate);
    g_assert_cmpstr(g_ptr_array_index(at[4]->value.functions, 0), ==, "now");
    g_assert_cmpuint(dml->where.columns->len, ==, 4);
    g_assert_cmpstr(g_ptr_array_index(dml->where.columns, 0), ==, "f");
    g_assert_cmpstr(g_ptr_array_index(dml->where.functions, 0), ==, "pg_catalog.lower");
    g_assert_false(dml->where.has_subquery);
}

static void
test_literals(void)
{
    static const struct {
        const char *value;
        const char *literal;
        gboolean is_null;
    } cases[] = {
        {"0", "0", FALSE},         {"18", "18", FALSE},
        {"-18", "-18", FALSE},     {"'x'", "'x'", FALSE},
        {"$$x$$", "'x'", FALSE},   {"E'x'", "'x'", FALSE},
        {"''", "''", FALSE},       {"true", "true", FALSE},
        {"FALSE", "false", FALSE}, {"null", "NULL", TRUE},
        {"1.50", "1.50", FALSE},   {"'x'::text", NULL, FALSE},
        {"f()", NULL, FALSE},      {"NULL::int", NULL, FALSE},
        {"1 + 1", NULL, FALSE},    {"99999999999", "99999999999", FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *sql = g_strconcat("UPDATE t SET a = ", cases[i].value, NULL);
        g_autoptr(Script) script = read_sql(sql);
        const Assignment *assignment = g_ptr_array_index(dml_of(script)->assignments, 0);

        g_assert_cmpstr(assignment->literal, ==, cases[i].literal);
        g_assert_cmpint(assignment->value.is_null_literal, ==, cases[i].is_null);
        g_assert_cmpint(assignment->value.is_literal, ==, cases[i].literal != NULL);
    }
}

/* What is spliced is a statement of the same kind again, with the same assignments, limited as meant. */
static void
test_splice_condition(void)
{
    static const char *const texts[] = {
        "UPDATE t SET a = 1",
        "UPDATE t SET a = 1 WHERE b OR c",
        "UPDATE t SET a = 'WHERE' /* WHERE */ WHERE b = 'x' -- the end",
        "UPDATE t AS x SET a = 1 WHERE b IS NULL -- one\n OR c -- two",
        "DELETE FROM t",
        "DELETE FROM \"WHERE\" WHERE a OR b",
        "DELETE FROM t WHERE a = $$x -- y$$",
        "UPDATE t SET a = b IS DISTINCT FROM c WHERE d IS DISTINCT FROM e",
        "UPDATE t SET a = b IS DISTINCT FROM c FROM u -- u\n, v WHERE t.a = u.a RETURNING t.a IS DISTINCT FROM 1",
        "UPDATE t SET a = 1 FROM u RETURNING *",
        "UPDATE t SET (a, b) = (1, 2), c = DEFAULT, d[1] = 3 WHERE (e) = (f) -- the end\n RETURNING a",
        "UPDATE t SET a = (SELECT b FROM u WHERE u.c = t.c) WHERE EXISTS (SELECT FROM v WHERE v.x = t.x)",
        "DELETE FROM t USING u WHERE u.id = t.id RETURNING t.*",
        "DELETE FROM t USING u RETURNING 1",
        "INSERT INTO t SELECT a FROM s",
        "INSERT INTO t (a) SELECT a FROM s WHERE b OR c",
        "INSERT INTO t (a) (SELECT a FROM s WHERE b OR c)",
        "INSERT INTO t (a) (SELECT a FROM s) ON CONFLICT DO NOTHING",
        "INSERT INTO t AS x (a) SELECT a FROM s JOIN u ON conflict WHERE b -- c\n ON CONFLICT (a) WHERE b DO UPDATE "
        "SET "
        "a = 1 WHERE x.b RETURNING a",
        "INSERT INTO t (a) OVERRIDING SYSTEM VALUE SELECT count(x) FILTER (WHERE x) FROM s ON CONFLICT DO NOTHING",
    };

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(Script) script = read_sql(texts[i]);
        const Stmt *stmt = g_ptr_array_index(script->stmts, 0);
        const DmlStmt *dml = dml_of(script);
        g_autofree char *spliced = splice_condition(stmt, "id > 5 AND id <= 9");
        g_autoptr(Script) again = read_sql(spliced);
        g_autofree char *before = assignments_text(dml);
        g_autofree char *after = assignments_text(dml_of(again));
        g_autofree char *where = dml->where.text != NULL
                                     ? g_strdup_printf("(%s\n) AND id > 5 AND id <= 9", dml->where.text)
                                     : g_strdup("id > 5 AND id <= 9");

        g_assert_cmpint(stmt_of_kind(again, 0, stmt->kind)->kind, ==, stmt->kind);
        g_assert_cmpstr(after, ==, before);
        g_assert_cmpstr(dml_of(again)->where.text, ==, where);
    }
}

static void
test_splice_insert(void)
{
    g_autofree char *first = splice_insert("abc", 0, "X");
    g_autofree char *middle = splice_insert("äbc", 2, "ö");
    g_autofree char *last = splice_insert("abc", 3, "X");

    g_assert_cmpstr(first, ==, "Xabc");
    g_assert_cmpstr(middle, ==, "äöbc");
    g_assert_cmpstr(last, ==, "abcX");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sql/dml/assignments", test_assignments);
    g_test_add_func("/sql/dml/guards", test_guards);
    g_test_add_func("/sql/dml/names", test_names);
    g_test_add_func("/sql/dml/unsupported", test_unsupported);
    g_test_add_func("/sql/dml/multi_assignment", test_multi_assignment);
    g_test_add_func("/sql/dml/reads", test_reads);
    g_test_add_func("/sql/dml/insert_reads", test_insert_reads);
    g_test_add_func("/sql/dml/insert", test_insert);
    g_test_add_func("/sql/dml/expressions", test_expressions);
    g_test_add_func("/sql/dml/literals", test_literals);
    g_test_add_func("/sql/dml/splice_condition", test_splice_condition);
    g_test_add_func("/sql/dml/splice_insert", test_splice_insert);
    return g_test_run();
}
