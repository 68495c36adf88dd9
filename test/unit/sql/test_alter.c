/*
 * ALTER TABLE split into its subcommands, column definitions, CREATE TABLE.
 */
#include <string.h>

#include "read.h"

/* Head and subcommands, joined with "|". */
static char *
pieces(const AlterTableStmt *alter, const char *text)
{
    GString *out = g_string_new_len(text, alter->head_length);

    for (guint i = 0; i < alter->cmds->len; i++) {
        const AlterCmd *cmd = g_ptr_array_index(alter->cmds, i);

        g_assert_cmpint(strncmp(text + cmd->offset, cmd->text, strlen(cmd->text)), ==, 0);
        g_string_append_printf(out, "|%s", cmd->text);
    }
    return g_string_free(out, FALSE);
}

static void
assert_pieces(const char *sql, const char *expected)
{
    g_autoptr(Script) script = read_sql(sql);
    const Stmt *stmt = stmt_of_kind(script, 0, STMT_ALTER_TABLE);
    g_autofree char *actual = pieces(&stmt->alter_table, stmt->text);

    g_assert_cmpstr(actual, ==, expected);
}

static void
test_split(void)
{
    assert_pieces("ALTER TABLE users ADD COLUMN age int", "ALTER TABLE users |ADD COLUMN age int");
    assert_pieces("ALTER TABLE t ADD a int, DROP b,ADD c text", "ALTER TABLE t |ADD a int|DROP b|ADD c text");
    assert_pieces("ALTER TABLE t ADD a numeric(10,2), ADD b numeric( 5 , 1 )[] , DROP c",
                  "ALTER TABLE t |ADD a numeric(10,2)|ADD b numeric( 5 , 1 )[]|DROP c");
    assert_pieces("ALTER TABLE t ADD a int DEFAULT coalesce(1, greatest(2, 3)), ALTER b SET DEFAULT f(1,2)",
                  "ALTER TABLE t |ADD a int DEFAULT coalesce(1, greatest(2, 3))|ALTER b SET DEFAULT f(1,2)");
    assert_pieces("ALTER TABLE t ADD a text DEFAULT 'x, y) DROP b', ADD b int[] DEFAULT ARRAY[1,2], DROP c",
                  "ALTER TABLE t |ADD a text DEFAULT 'x, y) DROP b'|ADD b int[] DEFAULT ARRAY[1,2]|DROP c");
    assert_pieces("ALTER TABLE t ADD a int[] DEFAULT '{1,2}'::int[], ADD b text COLLATE \"C\" DEFAULT $$,)($$, DROP c",
                  "ALTER TABLE t |ADD a int[] DEFAULT '{1,2}'::int[]|ADD b text COLLATE \"C\" DEFAULT $$,)($$|DROP c");
    assert_pieces("ALTER TABLE t ADD a int /* , DROP x */, -- , DROP y\n DROP z", "ALTER TABLE t |ADD a int|DROP z");
}

static void
test_names(void)
{
    static const struct {
        const char *sql;
        const char *schema;
        const char *name;
        const char *split;
        gboolean if_exists;
        gboolean is_only;
    } cases[] = {
        {"ALTER TABLE Users DROP a", NULL, "users", "ALTER TABLE Users |DROP a", FALSE, FALSE},
        {"ALTER TABLE shop . users DROP a, DROP b", "shop", "users", "ALTER TABLE shop . users |DROP a|DROP b", FALSE,
         FALSE},
        {"ALTER TABLE IF EXISTS ONLY \"a,b\".\"c\"\"d, e\" DROP \"x,y\", DROP \"(\"", "a,b", "c\"d, e",
         "ALTER TABLE IF EXISTS ONLY \"a,b\".\"c\"\"d, e\" |DROP \"x,y\"|DROP \"(\"", TRUE, TRUE},
        {"ALTER TABLE ONLY t DROP a", NULL, "t", "ALTER TABLE ONLY t |DROP a", FALSE, TRUE},
        {"ALTER TABLE t * DROP a", NULL, "t", "ALTER TABLE t * |DROP a", FALSE, FALSE},
        {"ALTER TABLE \"ä ö\" DROP \"ü\"", NULL, "ä ö", "ALTER TABLE \"ä ö\" |DROP \"ü\"", FALSE, FALSE},
        {"ALTER TABLE db.s.t DROP a", "s", "t", "ALTER TABLE db.s.t |DROP a", FALSE, FALSE},
        {"alter/**/table--x\nt drop a", NULL, "t", "alter/**/table--x\nt |drop a", FALSE, FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Script) script = read_sql(cases[i].sql);
        const AlterTableStmt *alter = &stmt_of_kind(script, 0, STMT_ALTER_TABLE)->alter_table;
        g_autofree char *split = pieces(alter, cases[i].sql);

        g_assert_cmpstr(alter->relation.schema, ==, cases[i].schema);
        g_assert_cmpstr(alter->relation.name, ==, cases[i].name);
        g_assert_cmpint(alter->if_exists, ==, cases[i].if_exists);
        g_assert_cmpint(alter->is_only, ==, cases[i].is_only);
        g_assert_cmpstr(split, ==, cases[i].split);
    }
}

/* Legal, if unusual: ONLY with parentheses, tables whose names are words of the syntax. */
static void
test_odd_heads(void)
{
    assert_pieces("ALTER TABLE ONLY (t) DROP a, DROP b", "ALTER TABLE ONLY (t) |DROP a|DROP b");
    assert_pieces("ALTER TABLE ONLY (s.t) DROP a", "ALTER TABLE ONLY (s.t) |DROP a");
    assert_pieces("ALTER TABLE if DROP a", "ALTER TABLE if |DROP a");
    assert_pieces("ALTER TABLE if.exists DROP a", "ALTER TABLE if.exists |DROP a");
}

static void
test_kinds(void)
{
    static const struct {
        const char *cmd;
        AlterKind kind;
        const char *what;
        const char *column;
        gboolean if_exists;
        gboolean is_cascade;
    } cases[] = {
        {"ADD COLUMN \"A b\" int", ALTER_ADD_COLUMN, "ADD COLUMN", "A b", FALSE, FALSE},
        {"ADD a int", ALTER_ADD_COLUMN, "ADD COLUMN", "a", FALSE, FALSE},
        {"ADD IF NOT EXISTS a int", ALTER_ADD_COLUMN, "ADD COLUMN", "a", TRUE, FALSE},
        {"ADD COLUMN IF NOT EXISTS a int", ALTER_ADD_COLUMN, "ADD COLUMN", "a", TRUE, FALSE},
        {"DROP COLUMN a", ALTER_DROP_COLUMN, "DROP COLUMN", "a", FALSE, FALSE},
        {"DROP a CASCADE", ALTER_DROP_COLUMN, "DROP COLUMN", "a", FALSE, TRUE},
        {"DROP COLUMN IF EXISTS a RESTRICT", ALTER_DROP_COLUMN, "DROP COLUMN", "a", TRUE, FALSE},
        {"ALTER COLUMN a SET DEFAULT 1", ALTER_SET_DEFAULT, "SET DEFAULT", "a", FALSE, FALSE},
        {"ALTER a DROP DEFAULT", ALTER_DROP_DEFAULT, "DROP DEFAULT", "a", FALSE, FALSE},
        {"ALTER a SET NOT NULL", ALTER_SET_NOT_NULL, "SET NOT NULL", "a", FALSE, FALSE},
        {"ALTER a DROP NOT NULL", ALTER_DROP_NOT_NULL, "DROP NOT NULL", "a", FALSE, FALSE},
        {"ALTER a TYPE bigint", ALTER_COLUMN_TYPE, "ALTER COLUMN TYPE", "a", FALSE, FALSE},
        {"ADD CONSTRAINT c CHECK (a > 0)", ALTER_ADD_CONSTRAINT, "ADD CONSTRAINT", "", FALSE, FALSE},
        {"VALIDATE CONSTRAINT c", ALTER_VALIDATE_CONSTRAINT, "VALIDATE CONSTRAINT", "c", FALSE, FALSE},
        {"OWNER TO x", ALTER_OTHER, "CHANGE OWNER", "", FALSE, FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *sql = g_strconcat("ALTER TABLE t ", cases[i].cmd, NULL);
        g_autoptr(Script) script = read_sql(sql);
        const AlterTableStmt *alter = &stmt_of_kind(script, 0, STMT_ALTER_TABLE)->alter_table;
        const AlterCmd *cmd = g_ptr_array_index(alter->cmds, 0);

        g_assert_cmpstr(cmd->text, ==, cases[i].cmd);
        g_assert_cmpint(cmd->kind, ==, cases[i].kind);
        g_assert_cmpstr(cmd->what, ==, cases[i].what);
        g_assert_cmpstr(cmd->column, ==, cases[i].column);
        g_assert_cmpint(cmd->if_exists, ==, cases[i].if_exists);
        g_assert_cmpint(cmd->is_cascade, ==, cases[i].is_cascade);
    }
}

typedef struct Definition {
    const char *text; /* "a int ..." */
    const char *type;
    const char *default_value; /* NULL: none */
    gboolean is_not_null;
    const char *body; /* of the first inline constraint, told as one of the table; NULL: none */
} Definition;

static void
assert_definition(const ColumnDef *column, const Definition *expected)
{
    g_test_message("%s", expected->text);
    g_assert_cmpstr(column->name, ==, "a");
    g_assert_cmpstr(column->type, ==, expected->type);
    g_assert_cmpstr(column->default_value.text, ==, expected->default_value);
    g_assert_cmpint(column->is_not_null, ==, expected->is_not_null);
    g_assert_cmpuint(column->constraints->len == 0, ==, expected->body == NULL);
    if (expected->body != NULL)
        g_assert_cmpstr(((const ConstraintDef *)g_ptr_array_index(column->constraints, 0))->body, ==, expected->body);
}

/* The same definition in ALTER TABLE, alone and before another subcommand, and in CREATE TABLE. */
static void
assert_definitions(const Definition *cases, guint n)
{
    static const char *const frames[] = {"ALTER TABLE t ADD COLUMN %s", "ALTER TABLE t ADD %s , DROP z",
                                         "ALTER TABLE s.t ADD IF NOT EXISTS %s", "CREATE TABLE t (%s)",
                                         "CREATE TABLE t (%s, z int)"};

    for (guint i = 0; i < n * G_N_ELEMENTS(frames); i++) {
        const Definition *expected = &cases[i / G_N_ELEMENTS(frames)];
        g_auto(GStrv) halves = g_strsplit(frames[i % G_N_ELEMENTS(frames)], "%s", 2);
        g_autofree char *sql = g_strconcat(halves[0], expected->text, halves[1], NULL);
        g_autoptr(Script) script = read_sql(sql);
        const Stmt *stmt = g_ptr_array_index(script->stmts, 0);

        if (stmt->kind == STMT_CREATE_TABLE)
            assert_definition(g_ptr_array_index(stmt->create_table.columns, 0), expected);
        else
            assert_definition(
                &((const AlterCmd *)g_ptr_array_index(stmt_of_kind(script, 0, STMT_ALTER_TABLE)->alter_table.cmds, 0))
                     ->definition,
                expected);
    }
}

static void
test_types(void)
{
    static const Definition cases[] = {
        {"a int", "int", NULL, FALSE, NULL},
        {"a double precision", "double precision", NULL, FALSE, NULL},
        {"a timestamp with time zone", "timestamp with time zone", NULL, FALSE, NULL},
        {"a timestamp(3) without time zone NULL", "timestamp(3) without time zone", NULL, FALSE, NULL},
        {"a varchar(10)[]", "varchar(10)[]", NULL, FALSE, NULL},
        {"a character varying (20)", "character varying (20)", NULL, FALSE, NULL},
        {"a interval day to second", "interval day to second", NULL, FALSE, NULL},
        {"a interval day to second (3)", "interval day to second (3)", NULL, FALSE, NULL},
        {"a numeric(10,2)", "numeric(10,2)", NULL, FALSE, NULL},
        {"a numeric ( 10 , 2 ) NOT NULL", "numeric ( 10 , 2 )", NULL, TRUE, NULL},
        {"a int array[3]", "int array[3]", NULL, FALSE, NULL},
        {"a int[3][4]", "int[3][4]", NULL, FALSE, NULL},
        {"a \"My Type\"", "\"My Type\"", NULL, FALSE, NULL},
        {"a shop.\"NOT\" NOT NULL", "shop.\"NOT\"", NULL, TRUE, NULL},
        {"a pg_catalog.int4", "pg_catalog.int4", NULL, FALSE, NULL},
        {"a text COLLATE \"C\"", "text", NULL, FALSE, NULL},
        {"a text COMPRESSION lz4 NOT NULL", "text", NULL, TRUE, NULL},
        {"a text COLLATE pg_catalog.\"de-x\" NOT NULL DEFAULT 'x'", "text", "'x'", TRUE, NULL},
        {"\"a\" bit varying(5)", "bit varying(5)", NULL, FALSE, NULL},
        {"a double /* eight */ precision", "double /* eight */ precision", NULL, FALSE, NULL},
        {"a int -- plain\n NOT NULL", "int", NULL, TRUE, NULL},
    };

    assert_definitions(cases, G_N_ELEMENTS(cases));
}

static void
test_defaults(void)
{
    static const Definition cases[] = {
        {"a text DEFAULT 'a, b' NOT NULL", "text", "'a, b'", TRUE, NULL},
        {"a timestamptz DEFAULT now() - interval '1 day' CHECK (a > '-infinity')", "timestamptz",
         "now() - interval '1 day'", FALSE, "CHECK (a > '-infinity')"},
        {"a text NOT NULL DEFAULT 'NOT NULL'", "text", "'NOT NULL'", TRUE, NULL},
        {"a int DEFAULT NULL", "int", "NULL", FALSE, NULL},
        {"a int DEFAULT NULL NOT NULL", "int", "NULL", TRUE, NULL},
        {"a int DEFAULT (NOT true)::int", "int", "(NOT true)::int", FALSE, NULL},
        {"a int DEFAULT (0) NOT NULL", "int", "(0)", TRUE, NULL},
        {"a int DEFAULT ((1 + 2) * 3) CHECK (a > 0)", "int", "((1 + 2) * 3)", FALSE, "CHECK (a > 0)"},
        {"a int DEFAULT (NULL)", "int", "(NULL)", FALSE, NULL},
        {"a int DEFAULT f(0) NOT NULL", "int", "f(0)", TRUE, NULL},
        {"a int DEFAULT f() NOT NULL", "int", "f()", TRUE, NULL},
        {"a int DEFAULT -1", "int", "-1", FALSE, NULL},
        {"a int DEFAULT + 1 UNIQUE", "int", "+ 1", FALSE, "UNIQUE (a)"},
        {"a int DEFAULT CASE WHEN 1 IN (1,2) AND NOT false THEN 1 END NULL", "int",
         "CASE WHEN 1 IN (1,2) AND NOT false THEN 1 END", FALSE, NULL},
        {"a text DEFAULT 'x'::character varying(3) CONSTRAINT c NOT NULL", "text", "'x'::character varying(3)", TRUE,
         NULL},
        {"a int[] DEFAULT ARRAY[1, 2]::int[]", "int[]", "ARRAY[1, 2]::int[]", FALSE, NULL},
        {"a text DEFAULT ('a' COLLATE \"C\")", "text", "('a' COLLATE \"C\")", FALSE, NULL},
        {"a int DEFAULT 1 PRIMARY KEY", "int", "1", FALSE, "PRIMARY KEY (a)"},
        {"a int DEFAULT 1 REFERENCES u (id)", "int", "1", FALSE, "FOREIGN KEY (a) REFERENCES u (id)"},
        {"a int CONSTRAINT \"DEFAULT\" DEFAULT 1", "int", "1", FALSE, NULL},
        {"a int DEFAULT nextval('s' /* , */ )", "int", "nextval('s' /* , */ )", FALSE, NULL},
        {"a date DEFAULT CURRENT_DATE", "date", "CURRENT_DATE", FALSE, NULL},
    };

    assert_definitions(cases, G_N_ELEMENTS(cases));
}

/* b_expr has no NOT of its own, but IS NOT DISTINCT FROM and the like are in it. */
static void
test_defaults_with_the_words_of_constraints(void)
{
    static const Definition cases[] = {
        {"a bool DEFAULT 1 IS NOT DISTINCT FROM 2", "bool", "1 IS NOT DISTINCT FROM 2", FALSE, NULL},
        {"a bool DEFAULT 1 IS NOT DISTINCT FROM 2 NOT NULL", "bool", "1 IS NOT DISTINCT FROM 2", TRUE, NULL},
        {"a bool DEFAULT '<a/>'::xml IS NOT DOCUMENT", "bool", "'<a/>'::xml IS NOT DOCUMENT", FALSE, NULL},
        {"a bool DEFAULT 1 IS DISTINCT FROM NULL", "bool", "1 IS DISTINCT FROM NULL", FALSE, NULL},
        {"a bool DEFAULT 1 = NULL NOT NULL", "bool", "1 = NULL", TRUE, NULL},
    };

    assert_definitions(cases, G_N_ELEMENTS(cases));
}

static void
test_inline_constraints(void)
{
    static const Definition cases[] = {
        {"a int GENERATED ALWAYS AS IDENTITY", "int", NULL, FALSE, "GENERATED ALWAYS AS IDENTITY"},
        {"a int GENERATED BY DEFAULT AS IDENTITY (START 5)", "int", NULL, FALSE,
         "GENERATED BY DEFAULT AS IDENTITY (START 5)"},
        {"a int GENERATED ALWAYS AS (b + 1) STORED", "int", NULL, FALSE, "GENERATED ALWAYS AS (b + 1) STORED"},
        {"a int CHECK (a > 0) UNIQUE", "int", NULL, FALSE, "CHECK (a > 0)"},
        {"a int UNIQUE NOT NULL", "int", NULL, TRUE, "UNIQUE (a)"},
        {"a int REFERENCES u DEFERRABLE INITIALLY DEFERRED", "int", NULL, FALSE,
         "FOREIGN KEY (a) REFERENCES u DEFERRABLE INITIALLY DEFERRED"},
        {"a int CONSTRAINT k REFERENCES u (x) ON DELETE SET NULL NOT NULL", "int", NULL, TRUE,
         "FOREIGN KEY (a) REFERENCES u (x) ON DELETE SET NULL"},
        {"a int DEFAULT 5 CONSTRAINT k UNIQUE NULLS NOT DISTINCT WITH (fillfactor = 70) COLLATE \"C\"", "int", "5",
         FALSE, "UNIQUE (a) NULLS NOT DISTINCT WITH (fillfactor = 70)"},
    };

    assert_definitions(cases, G_N_ELEMENTS(cases));
}

static void
test_set_default(void)
{
    static const struct {
        const char *cmd;
        const char *text;
    } cases[] = {
        {"ALTER a SET DEFAULT 1", "1"},
        {"ALTER COLUMN a SET DEFAULT 'x, y' || f(1, 2)", "'x, y' || f(1, 2)"},
        {"ALTER \"DEFAULT\" SET DEFAULT NULL", "NULL"},
        {"ALTER a SET /* DEFAULT */ DEFAULT NOT true", "NOT true"},
        {"ALTER a SET DEFAULT 'x' COLLATE \"C\"", "'x' COLLATE \"C\""},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *sql = g_strconcat("ALTER TABLE t ", cases[i].cmd, ", DROP z", NULL);
        g_autoptr(Script) script = read_sql(sql);
        const AlterTableStmt *alter = &stmt_of_kind(script, 0, STMT_ALTER_TABLE)->alter_table;
        const AlterCmd *cmd = g_ptr_array_index(alter->cmds, 0);

        g_assert_cmpstr(cmd->default_value.text, ==, cases[i].text);
        g_assert_cmpuint(alter->cmds->len, ==, 2);
    }
}

static void
assert_names(const GPtrArray *names, const char *expected)
{
    g_autoptr(GString) joined = g_string_new(NULL);

    for (guint i = 0; i < names->len; i++)
        g_string_append_printf(joined, "%s%s", i > 0 ? " " : "", (const char *)g_ptr_array_index(names, i));
    g_assert_cmpstr(joined->str, ==, expected);
}

static void
test_default_functions(void)
{
    g_autoptr(Script) script =
        read_sql("ALTER TABLE t ADD a text DEFAULT lower(pg_catalog.concat('a', CURRENT_USER)) || 'x'");
    const AlterCmd *cmd = g_ptr_array_index(stmt_of_kind(script, 0, STMT_ALTER_TABLE)->alter_table.cmds, 0);

    assert_names(cmd->definition.default_value.functions, "lower pg_catalog.concat pg_catalog.now");
    assert_names(cmd->definition.default_value.operators, "||");
}

static void
test_create_table(void)
{
    static const struct {
        const char *sql;
        const char *unsupported;
        guint columns;
    } cases[] = {
        {"CREATE TABLE s.t (id bigint PRIMARY KEY, a text DEFAULT 'x, y', CHECK (id > 0), UNIQUE (a))", NULL, 2},
        {"CREATE TABLE s.t ()", NULL, 0},
        {"CREATE UNLOGGED TABLE s.t (a int)", NULL, 1},
        {"CREATE TEMP TABLE t (a int)", "TEMPORARY", 1},
        {"CREATE TABLE s.t (a int REFERENCES u)", NULL, 1},
        {"CREATE TABLE s.t (a int, FOREIGN KEY (a) REFERENCES u)", NULL, 1},
        {"CREATE TABLE s.t (a int, LIKE u)", NULL, 1},
        {"CREATE TABLE s.t (a int) INHERITS (u)", NULL, 1},
        {"CREATE TABLE s.t PARTITION OF u DEFAULT", NULL, 0},
        {"CREATE TABLE s.t OF y", "OF type", 0},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Script) script = read_sql(cases[i].sql);
        const CreateTableStmt *create = &stmt_of_kind(script, 0, STMT_CREATE_TABLE)->create_table;

        g_assert_cmpstr(create->unsupported, ==, cases[i].unsupported);
        g_assert_cmpstr(create->relation.name, ==, "t");
        g_assert_cmpuint(create->columns->len, ==, cases[i].columns);
    }
}

/* Two constraints on one column: the second one counts, too. */
static void
test_create_table_hidden_reference(void)
{
    g_autoptr(Script) script = read_sql("CREATE TABLE t (a int UNIQUE REFERENCES u, b int)");

    const CreateTableStmt *create = &stmt_of_kind(script, 0, STMT_CREATE_TABLE)->create_table;
    const ColumnDef *column = g_ptr_array_index(create->columns, 0);

    g_assert_cmpuint(column->constraints->len, ==, 2);
    g_assert_cmpint(((const ConstraintDef *)g_ptr_array_index(column->constraints, 1))->kind, ==, CONSTRAINT_FOREIGN);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sql/alter/split", test_split);
    g_test_add_func("/sql/alter/names", test_names);
    g_test_add_func("/sql/alter/odd_heads", test_odd_heads);
    g_test_add_func("/sql/alter/kinds", test_kinds);
    g_test_add_func("/sql/alter/types", test_types);
    g_test_add_func("/sql/alter/defaults", test_defaults);
    g_test_add_func("/sql/alter/defaults_with_the_words_of_constraints", test_defaults_with_the_words_of_constraints);
    g_test_add_func("/sql/alter/inline_constraints", test_inline_constraints);
    g_test_add_func("/sql/alter/set_default", test_set_default);
    g_test_add_func("/sql/alter/default_functions", test_default_functions);
    g_test_add_func("/sql/alter/create_table", test_create_table);
    g_test_add_func("/sql/alter/create_table_hidden_reference", test_create_table_hidden_reference);
    return g_test_run();
}
