/*
 * Robustness: texts that nearly are SQL. Each of the corpus' files is damaged a few thousand times, by bytes and by
 * words, from a fixed seed. Whatever comes out is read or refused; nothing crashes, leaks, or gives slices that are not
 * there.
 */
#include <string.h>

#include "base/error.h"
#include "read.h"
#include "sql/splice.h"

#define ROUNDS 2000

static GPtrArray *
load_corpus(void)
{
    g_autofree char *folder = g_test_build_filename(G_TEST_DIST, "sql", "corpus", NULL);
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    GPtrArray *corpus = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        char *text = NULL;

        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_ptr_array_add(corpus, text);
    }
    g_assert_cmpuint(corpus->len, >=, 3);
    return corpus;
}

/* Where a word begins after a random place, and how long it is. */
static gsize
random_word(GRand *random, const GString *text, gsize *ret_length)
{
    gsize start = text->len > 0 ? (gsize)g_rand_int_range(random, 0, (gint)text->len) : 0;
    gsize end;

    while (start < text->len && g_ascii_isspace(text->str[start]))
        start++;
    end = start;
    while (end < text->len && !g_ascii_isspace(text->str[end]) &&
           (end == start || strchr("(),;'\"", text->str[end]) == NULL))
        end++;
    *ret_length = end - start;
    return start;
}

static void
swap_words(GRand *random, GString *text)
{
    gsize length_a;
    gsize length_b;
    gsize a = random_word(random, text, &length_a);
    gsize b = random_word(random, text, &length_b);
    g_autofree char *word_a = g_strndup(text->str + a, length_a);
    g_autofree char *word_b = g_strndup(text->str + b, length_b);

    if (a + length_a > b)
        return;
    g_string_erase(text, (gssize)b, (gssize)length_b);
    g_string_insert(text, (gssize)b, word_a);
    g_string_erase(text, (gssize)a, (gssize)length_a);
    g_string_insert(text, (gssize)a, word_b);
}

static void
mutate(GRand *random, GString *text)
{
    static const char alphabet[] = "();,'\"$-*/\\ \n\t.:[]@aE1&U\xc3";
    gsize length;
    gsize at = random_word(random, text, &length);
    g_autofree char *word = g_strndup(text->str + at, length);

    switch (g_rand_int_range(random, 0, 6)) {
        case 0:
            g_string_erase(text, (gssize)at, (gssize)length);
            break;
        case 1:
            g_string_insert(text, (gssize)at, word);
            break;
        case 2:
            swap_words(random, text);
            break;
        case 3:
            if (text->len > 0)
                g_string_erase(text, g_rand_int_range(random, 0, (gint)text->len), 1);
            break;
        case 4:
            g_string_insert_c(text, g_rand_int_range(random, 0, (gint)text->len + 1),
                              alphabet[g_rand_int_range(random, 0, sizeof(alphabet) - 1)]);
            break;
        default:
            g_string_truncate(text, (gsize)g_rand_int_range(random, 0, (gint)text->len + 1));
            break;
    }
}

/* What recipes do with offsets and slices. */
static void
use(const Stmt *stmt)
{
    gsize length = strlen(stmt->text);

    if (stmt->kind == STMT_UPDATE || stmt->kind == STMT_DELETE ||
        (stmt->kind == STMT_INSERT && stmt->dml.query != NULL)) {
        g_autofree char *spliced = NULL;

        g_assert_cmpint(stmt->dml.where_keyword, <=, stmt->dml.where_end);
        g_assert_cmpint(stmt->dml.where_end, <=, (int)length);
        spliced = splice_condition(stmt, "true");
        g_assert_cmpuint(strlen(spliced), >=, length);
    } else if (stmt->kind == STMT_CREATE_INDEX) {
        g_assert_cmpint(stmt->create_index.index_end, <=, (int)length);
    } else if (stmt->kind == STMT_DROP_INDEX) {
        g_assert_cmpuint(stmt->drop_index.names->len, >, 0);
    } else if (stmt->kind == STMT_ALTER_TABLE) {
        g_assert_cmpint(stmt->alter_table.head_length, <=, (int)length);
        g_assert_cmpuint(stmt->alter_table.cmds->len, >, 0);
    }
}

static void
read_or_refuse(const char *source)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Script) script = script_read("m.sql", source, &error);

    if (script == NULL) {
        g_assert_true(seam_error_is(error, SEAM_ERROR_REFUSED));
        return;
    }
    g_assert_no_error(error);
    assert_slices(script);
    for (guint i = 0; i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);
        g_autofree char *excerpt =
            script_excerpt(script, stmt->kind == STMT_UNKNOWN ? stmt->error_offset : stmt->offset);

        g_assert_nonnull(excerpt);
        use(stmt);
    }
}

static void
test_mutations(void)
{
    g_autoptr(GPtrArray) corpus = load_corpus();
    GRand *random = g_rand_new_with_seed(20240601);

    for (guint i = 0; i < ROUNDS; i++) {
        g_autoptr(GString) text = g_string_new(g_ptr_array_index(corpus, i % corpus->len));
        int damages = g_rand_int_range(random, 1, 4);

        for (int k = 0; k < damages; k++)
            mutate(random, text);
        if (g_test_verbose())
            g_test_message("%s", text->str);
        read_or_refuse(text->str);
    }
    g_rand_free(random);
}

/* Each statement alone, cut after each of its bytes. */
static void
test_truncations(void)
{
    g_autoptr(GPtrArray) corpus = load_corpus();

    for (guint i = 0; i < corpus->len; i++) {
        g_auto(GStrv) lines = g_strsplit(g_ptr_array_index(corpus, i), "\n", -1);

        for (guint k = 0; lines[k] != NULL; k++) {
            for (gsize length = strlen(lines[k]); length > 0; length--) {
                lines[k][length] = '\0';
                read_or_refuse(lines[k]);
            }
        }
    }
}

static void
test_corpus_is_read(void)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "sql", "corpus", "alter.sql", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Script) script = script_load(path, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(script->stmts->len, ==, 7);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sql/mutations/corpus_is_read", test_corpus_is_read);
    g_test_add_func("/sql/mutations/mutations", test_mutations);
    g_test_add_func("/sql/mutations/truncations", test_truncations);
    return g_test_run();
}
