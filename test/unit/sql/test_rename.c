/*
 * Columns under other names, in what the server prints of indexes and constraints.
 */
#include "sql/rename.h"

typedef struct Case {
    const char *statement;
    const char *renamed; /* a -> x, "B b" -> "Y" */
    guint n;
} Case;

static GHashTable *
names_new(void)
{
    GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);

    g_hash_table_insert(names, (gpointer) "a", (gpointer) "x");
    g_hash_table_insert(names, (gpointer) "B b", (gpointer) "Y");
    return names;
}

static void
test_rename(void)
{
    static const Case cases[] = {
        {"CREATE INDEX i ON s.t USING btree (a)", "CREATE INDEX i ON s.t USING btree (x)", 1},
        {"CREATE INDEX a ON a.a USING btree (b)", "CREATE INDEX a ON a.a USING btree (b)", 0},
        {"CREATE UNIQUE INDEX i ON t USING btree (b DESC, \"B b\" text_pattern_ops, a COLLATE \"C\" NULLS FIRST)",
         "CREATE UNIQUE INDEX i ON t USING btree (b DESC, \"Y\" text_pattern_ops, x COLLATE \"C\" NULLS FIRST)", 2},
        {"CREATE INDEX i ON t USING btree (b) INCLUDE (a, c) NULLS NOT DISTINCT WITH (fillfactor='70') WHERE (a > 5)",
         "CREATE INDEX i ON t USING btree (b) INCLUDE (x, c) NULLS NOT DISTINCT WITH (fillfactor='70') WHERE (x > 5)",
         2},
        {"CREATE INDEX i ON t USING btree (lower((a)::text), ((a || b)), COALESCE(a, b), a.a(a))",
         "CREATE INDEX i ON t USING btree (lower((x)::text), ((x || b)), COALESCE(x, b), a.a(x))", 4},
        {"CREATE INDEX i ON t USING btree (a(b))", "CREATE INDEX i ON t USING btree (a(b))", 0},
        {"CREATE INDEX i ON t USING gin (a gin_trgm_ops (siglen='32'))",
         "CREATE INDEX i ON t USING gin (x gin_trgm_ops (siglen='32'))", 1},
        {"CREATE INDEX i ON t USING btree (b) WHERE ((b)::text = 'a'::text)",
         "CREATE INDEX i ON t USING btree (b) WHERE ((b)::text = 'a'::text)", 0},
        {"CREATE INDEX i ON t USING btree (b) WHERE (\"B b\" = 'ä'::text) AND (a)::a IS NULL",
         "CREATE INDEX i ON t USING btree (b) WHERE (\"Y\" = 'ä'::text) AND (x)::a IS NULL", 2},
        {"ALTER TABLE t ADD CONSTRAINT a CHECK (((a > 0) AND (length(\"B b\") > a)))",
         "ALTER TABLE t ADD CONSTRAINT a CHECK (((x > 0) AND (length(\"Y\") > x)))", 3},
        {"ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (b, a) REFERENCES p(a, c) MATCH FULL ON DELETE SET NULL (a) "
         "DEFERRABLE",
         "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (b, x) REFERENCES p(a, c) MATCH FULL ON DELETE SET NULL (x) "
         "DEFERRABLE",
         2},
    };
    g_autoptr(GHashTable) names = names_new();

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        guint n = 99;
        g_autofree char *renamed = rename_columns(cases[i].statement, names, &n, &error);

        g_assert_no_error(error);
        g_assert_cmpstr(renamed, ==, cases[i].renamed);
        g_assert_cmpuint(n, ==, cases[i].n);
    }
}

static void
test_refused(void)
{
    static const char *const cases[] = {
        "ALTER TABLE t ADD CONSTRAINT c CHECK (t.a > 0)",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > )",
    };
    g_autoptr(GHashTable) names = names_new();

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        guint n = 0;

        g_assert_null(rename_columns(cases[i], names, &n, &error));
        g_assert_nonnull(error);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sql/rename", test_rename);
    g_test_add_func("/sql/rename/refused", test_refused);
    return g_test_run();
}
