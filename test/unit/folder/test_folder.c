/*
 * Folders of migrations: order, layouts, the parts of a file, and how files stand beside a ledger.
 */
#include "folder/folder.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "folder/number.h"
#include "folder/section.h"
#include "folder/standing.h"
#include "folder/turn.h"

static void
test_numbers(void)
{
    static const struct {
        const char *name;
        const char *number;
    } names[] = {{"001_a", "001"},
                 {"20240101120000_a", "20240101120000"},
                 {"7", "7"},
                 {"1-a", "1"},
                 {"1a", "1"},
                 {"1_2_a", "1"},
                 {"V1__a", "1"},
                 {"V1_2__a", "1.2"},
                 {"V1.2.3__a", "1.2.3"},
                 {"v3_a", "3"},
                 {"2024-01-01-120000_a", "2024.01.01.120000"},
                 {"init", NULL},
                 {"views", NULL},
                 {"_1", NULL}};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *number = number_of(names[i].name);

        g_assert_cmpstr(number, ==, names[i].number);
    }
}

static void
test_number_order(void)
{
    static const char *const rising[] = {
        "0", "1", "1.1", "1.2", "1.10", "2", "10", "010.1", "99999999999999999999999", "100000000000000000000000"};

    for (guint i = 0; i < G_N_ELEMENTS(rising); i++) {
        for (guint j = 0; j < G_N_ELEMENTS(rising); j++) {
            int order = number_compare(rising[i], rising[j]);

            g_assert_cmpint((order > 0) - (order < 0), ==, (i > j) - (i < j));
        }
    }
    g_assert_cmpint(number_compare("007", "7"), ==, 0);
    g_assert_cmpint(number_compare("1", "1.0.0"), ==, 0);
    g_assert_cmpint(number_compare_names("a2", "a10"), <, 0);
    g_assert_cmpint(number_compare_names("a02", "a2"), !=, 0);
    g_assert_cmpint(number_compare_names("a", "ab"), <, 0);
    g_assert_cmpint(number_compare_names("b", "ab"), >, 0);
}

static void
test_versions(void)
{
    g_assert_true(number_is("001", "1"));
    g_assert_true(number_is("1.2", "1_2"));
    g_assert_true(number_is("1.2", "1.2.0"));
    g_assert_true(number_is("2024.01.01.120000", "20240101120000"));
    g_assert_true(number_is("0", "00000000000000"));
    g_assert_false(number_is("1", "10"));
    g_assert_false(number_is("1.2", "2"));
    g_assert_false(number_is("0", ""));
    g_assert_false(number_is("0", "x"));
    g_assert_true(number_is_up_to("2", "10"));
    g_assert_true(number_is_up_to("10", "10"));
    g_assert_false(number_is_up_to("11", "10"));
    g_assert_false(number_is_up_to("1", "-1"));
}

/* The text that is left of `text`, "~" for a line that was blanked; or the line that is refused, after "!". */
static char *
up_of(const char *text)
{
    g_autoptr(GError) error = NULL;
    SectionStyle style;
    g_autofree char *up = section_up("f.sql", text, &style, &error);
    g_auto(GStrv) lines = up != NULL ? g_strsplit(up, "\n", -1) : NULL;

    if (up == NULL) {
        g_assert_true(seam_error_is(error, SEAM_ERROR_REFUSED));
        return g_strdup_printf("!%s", strrchr(seam_error_get_detail(error), ':') + 1);
    }
    g_assert_cmpuint(strlen(up), ==, strlen(text));
    for (guint i = 0; lines[i] != NULL; i++) {
        if (*lines[i] != '\0' && strspn(lines[i], " ") == strlen(lines[i])) {
            g_free(lines[i]);
            lines[i] = g_strdup("~");
        }
    }
    return g_strjoinv("|", lines);
}

static void
test_sections(void)
{
    static const struct {
        const char *text;
        const char *up;
    } cases[] = {
        {"a;\n-- b\n", "a;|-- b|"},
        {"-- +goose Up\na;\n-- +goose Down\nb;\n", "-- +goose Up|a;|~|~|"},
        {"-- +goose up\r\na;\r\n--+goose DOWN\r\nb;", "-- +goose up\r|a;\r|~|~"},
        {"\xEF\xBB\xBF-- migrate:up\na;\n-- migrate:down\nb;", "\xEF\xBB\xBF-- migrate:up|a;|~|~"},
        {"-- c\n\n/* long\nb;\n*/\n-- migrate:up transaction:false\na;",
         "-- c||/* long|b;|*/|-- migrate:up transaction:false|a;"},
        {"-- +goose NO TRANSACTION\n-- +goose Up\n-- +goose StatementBegin\na;\n-- +goose StatementEnd",
         "-- +goose NO TRANSACTION|-- +goose Up|-- +goose StatementBegin|a;|-- +goose StatementEnd"},
        {"-- +migrate Up notransaction\na;\n-- +migrate Down\n", "-- +migrate Up notransaction|a;|~|"},
        {"-- +goose Up\na;\n-- +goose Down\n-- \xC3\xA4\n\nb;", "-- +goose Up|a;|~|~||~"},
        {"-- migrate: up to three\na;\n", "-- migrate: up to three|a;|"},
        {"-- migrate:upp\na;\n-- migrate:down\nb;", "!3"},
        {"a;\n-- +goose Up\nb;\n", "!1"},
        {"-- +goose Up\n-- +goose Up\n", "!2"},
        {"-- +goose Down\na;\n-- +goose Up\n", "!1"},
        {"-- +goose Up\n-- +goose Down\n-- +goose Up\n", "!3"},
        {"-- +goose Up\n-- +goose Down\n-- +goose Down\n", "!3"},
        {"-- +goose Up\n-- migrate:down\n", "!2"},
        {"-- +goose ENVSUB ON\n-- +goose Up\n", "!1"},
        {"-- +goose StatementBegin\n", "!1"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *up = up_of(cases[i].text);

        g_assert_cmpstr(up, ==, cases[i].up);
    }
}

/* A folder with these files ("path=text", NULL-terminated), read; its path is removed again. */
static Folder *
read_files(const char *const *files, GError **error)
{
    g_autofree char *path = g_dir_make_tmp("pgseam-folder-XXXXXX", NULL);
    g_autofree char *remove = g_strdup_printf("rm -r %s", path);
    Folder *folder;

    for (guint i = 0; files[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(files[i], "=", 2);
        g_autofree char *full = g_build_filename(path, parts[0], NULL);
        g_autofree char *dir = g_path_get_dirname(full);

        g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
        g_assert_true(g_file_set_contents(full, parts[1] != NULL ? parts[1] : "", -1, NULL));
    }
    folder = folder_read(path, error);
    g_assert_true(g_spawn_command_line_sync(remove, NULL, NULL, NULL, NULL));
    return folder;
}

/* The names in their order, or what is refused. */
static char *
names_of(const char *const *files)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Folder) folder = read_files(files, &error);
    g_autoptr(GString) names = g_string_new(NULL);

    if (folder == NULL)
        return g_strdup_printf("!%s", error->message);
    for (guint i = 0; i < folder->files->len; i++)
        g_string_append_printf(names, "%s%s", i > 0 ? " " : "",
                               ((const FolderFile *)g_ptr_array_index(folder->files, i))->name);
    return g_string_free(g_steal_pointer(&names), FALSE);
}

#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
test_order(void)
{
    const struct {
        const char *const *files;
        const char *names;
    } cases[] = {
        {FILES("10_c.sql", "2_b.sql", "1_a.sql", "README.md", ".hidden.sql"), "1_a 2_b 10_c"},
        {FILES("V1__a.sql", "V1_10__c.sql", "V1_2__b.sql", "U1_2__b.sql"), "V1__a V1_2__b V1_10__c"},
        {FILES("b2.sql", "b10.sql", "a.sql"), "a b2 b10"},
        {FILES("1_a.up.sql", "1_a.down.sql", "02_b.up.sql"), "1_a 02_b"},
        {FILES("up/2_b.sql", "up/1_a.sql", "down/1_a.sql"), "1_a 2_b"},
        {FILES("2024-01-02-000000_b/up.sql", "2024-01-01-000000_a/up.sql", "2024-01-01-000000_a/down.sql", "x/y.txt"),
         "2024-01-01-000000_a 2024-01-02-000000_b"},
        {FILES("1_a.sql=x", "seeds/1_a.sql"), "1_a"},
        {FILES("README.md"), ""},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *names = names_of(cases[i].files);

        g_assert_cmpstr(names, ==, cases[i].names);
    }
}

static void
test_ambiguous_folders(void)
{
    const struct {
        const char *const *files;
        const char *said;
    } cases[] = {
        {FILES("1_a.sql", "01_b.sql"), "the same number"},
        {FILES("1_a.sql", "init.sql"), "init.sql has none"},
        {FILES("1_a.sql", "2_b.up.sql"), "two layouts"},
        {FILES("1_a.sql", "up/2_b.sql"), "two layouts"},
        {FILES("1_a.sql", "2_b/up.sql"), "two layouts"},
        {FILES("1_a.down.sql"), "nothing of that name leads up"},
        {FILES("1_a/down.sql"), "nothing of that name leads up"},
        {FILES("R__views.sql"), "repeatable"},
        {FILES("B1__base.sql"), "baseline migration"},
        {FILES("1_a.sql=-- +goose Up", "2_b.sql=x;"), "two layouts"},
        {FILES("1_a.sql=x;", "2_b.sql=-- migrate:up"), "two layouts"},
        {FILES("1_a.sql=-- +goose Up", "2_b.sql=-- migrate:up"), "two layouts"},
        {FILES("1_a.up.sql=-- +goose Up"), "its name says already"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *said = names_of(cases[i].files);

        g_assert_true(g_str_has_prefix(said, "!"));
        g_assert_nonnull(strstr(said, cases[i].said));
    }
}

static void
test_files_are_found(void)
{
    g_autoptr(Folder) folder = read_files(FILES("1_a.sql=a", "2_b.sql=b"), NULL);

    g_assert_cmpstr(folder_find(folder, "1_a")->name, ==, "1_a");
    g_assert_cmpstr(folder_find(folder, "2_b.sql")->name, ==, "2_b");
    g_assert_null(folder_find(folder, "2"));
    g_assert_cmpstr(folder_find_version(folder, "0002")->name, ==, "2_b");
    g_assert_null(folder_find_version(folder, "3"));
    g_assert_cmpuint(folder_index(folder, folder_find(folder, "2_b")), ==, 1);
    g_assert_cmpstr(folder_find(folder, "1_a")->checksum, ==,
                    "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
}

/* Three files; the ledger has the second (as `kind`, with this checksum), and one that has vanished. */
static GPtrArray *
rows_of(const char *kind, const char *checksum, const char *vanished)
{
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)ledger_row_free);
    LedgerRow second = {.name = g_strdup("2_b"),
                        .checksum = g_strdup(checksum),
                        .is_of_plan = strcmp(kind, "started") == 0,
                        .kind = g_strdup(kind),
                        .state = FILE_APPLIED};
    LedgerRow gone = {
        .name = g_strdup(vanished), .checksum = g_strdup("0"), .kind = g_strdup("baseline"), .state = FILE_APPLIED};

    g_ptr_array_add(rows, g_memdup2(&second, sizeof(second)));
    g_ptr_array_add(rows, g_memdup2(&gone, sizeof(gone)));
    return rows;
}

/* What is complained of, the whole folder being looked at, or only its first file. */
static char *
complaint_of(const char *kind, const char *checksum, const char *vanished, gboolean allows_late, gboolean is_first_only)
{
    g_autoptr(Folder) folder = read_files(FILES("1_a.sql=a", "2_b.sql=b", "3_c.sql=c"), NULL);
    g_autoptr(GPtrArray) rows = rows_of(kind, checksum, vanished);
    g_autoptr(GPtrArray) standings = standing_compare(folder, rows);
    g_autoptr(GError) error = NULL;

    g_assert_cmpuint(standings->len, ==, 4);
    g_assert_null(((const Standing *)g_ptr_array_index(standings, 3))->file);
    if (standing_check(standings, is_first_only ? g_ptr_array_index(folder->files, 0) : NULL, allows_late, &error))
        return g_strdup("");
    return g_strdup(seam_error_get_detail(error));
}

static void
test_standings(void)
{
    g_autofree char *right = g_compute_checksum_for_string(G_CHECKSUM_SHA256, "b", 1);
    static const struct {
        const char *kind;
        gboolean is_right;
        const char *vanished;
        gboolean allows_late;
        gboolean is_first_only;
        const char *said; /* NULL: nothing */
    } cases[] = {
        {"migrated", TRUE, "9_x", TRUE, FALSE, NULL},
        {"started", TRUE, "9_x", TRUE, FALSE, NULL},
        {"migrated", TRUE, "9_x", FALSE, FALSE, "1_a.sql comes before"},
        {"migrated", FALSE, "9_x", TRUE, FALSE, "2_b.sql has changed since it was run"},
        {"baseline", FALSE, "9_x", TRUE, FALSE, "2_b.sql has changed since it was noted"},
        {"started", FALSE, "9_x", TRUE, FALSE, "2_b.sql has changed since it was noted"},
        {"migrated", FALSE, "9_x", TRUE, TRUE, NULL},
        {"migrated", TRUE, "3_x", TRUE, FALSE, "3_c.sql seems to be 3_x"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *said = complaint_of(cases[i].kind, cases[i].is_right ? right : "f00", cases[i].vanished,
                                             cases[i].allows_late, cases[i].is_first_only);

        if (cases[i].said == NULL)
            g_assert_cmpstr(said, ==, "");
        else
            g_assert_nonnull(strstr(said, cases[i].said));
    }
}

/* "NAME: FILE FILE; NAME: FILE": what is to run of five files, of which the second is applied, and the third and fifth
 * are one migration at the gate. */
static char *
turns_text(const char *last, gboolean is_together)
{
    g_autoptr(Folder) folder =
        read_files(FILES("1_a.sql=a", "2_b.sql=b", "3_c.sql=c", "4_d.sql=d", "5_e.sql=e", "6_f.sql=f"), NULL);
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)ledger_row_free);
    static const char *const noted[][2] = {{"2_b", "2_b"}, {"3_c", "3_c..5_e"}, {"5_e", "3_c..5_e"}};
    g_autoptr(GPtrArray) standings = NULL;
    g_autoptr(GPtrArray) turns = NULL;
    g_autoptr(GError) error = NULL;
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(noted); i++) {
        LedgerRow row = {.name = g_strdup(noted[i][0]),
                         .migration = g_strdup(noted[i][1]),
                         .checksum = g_strdup("0"),
                         .kind = g_strdup("migrated"),
                         .state = i == 0 ? FILE_APPLIED : FILE_GATED};

        g_ptr_array_add(rows, g_memdup2(&row, sizeof(row)));
    }
    standings = standing_compare(folder, rows);
    turns = turns_of(standings, last != NULL ? folder_find(folder, last) : NULL, is_together, &error);
    if (turns == NULL)
        g_string_append(out, error->message);
    for (guint i = 0; turns != NULL && i < turns->len; i++) {
        const Turn *turn = g_ptr_array_index(turns, i);

        g_string_append_printf(out, "%s%s:", i > 0 ? "; " : "", turn->migration);
        for (guint f = 0; f < turn->files->len; f++)
            g_string_append_printf(out, " %s", ((const FolderFile *)g_ptr_array_index(turn->files, f))->name);
        g_string_append_printf(out, " +%u", turns_behind(turns, i));
    }
    return g_string_free(out, FALSE);
}

static void
test_turns(void)
{
    static const struct {
        const char *last;
        gboolean is_together;
        const char *turns;
    } cases[] = {
        {NULL, FALSE, "1_a: 1_a +4; 3_c..5_e: 3_c 5_e +2; 4_d: 4_d +1; 6_f: 6_f +0"},
        {NULL, TRUE, "3_c..5_e: 3_c 5_e +3; 1_a..6_f: 1_a 4_d 6_f +0"},
        {"5_e", TRUE, "3_c..5_e: 3_c 5_e +2; 1_a..4_d: 1_a 4_d +0"},
        {"2_b", TRUE, "1_a: 1_a +0"},
        {"4_d", FALSE, "3_c is gated as part of migration 3_c..5_e, which 5_e belongs to, too"},
        {"4_d", TRUE, "3_c is gated as part of migration 3_c..5_e, which 5_e belongs to, too"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *turns = turns_text(cases[i].last, cases[i].is_together);

        g_assert_cmpstr(turns, ==, cases[i].turns);
    }
}

/* As short as a name of PostgreSQL, never cut within a character. */
static void
test_turn_names(void)
{
    static const struct {
        const char *first;
        const char *number;
        const char *last;
        const char *begins;
    } cases[] = {{"1_a", "1", "2_b", "1_a..2_b"},
                 {"1_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1", "2_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1..2"},
                 {"ää0ä1ä2ä3ä4ä5ä6ä7ä8ä9ä0ä1ä2ä3ä4ä5ä6ä7", NULL, "öööö", "ää0ä1ä2ä3ä4ä5ä6ä7ä8ä9ä0ä1ä2ä3ä4ä5ä6_"}};

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        FolderFile first = {.name = (char *)cases[i].first, .number = (char *)cases[i].number};
        FolderFile last = {.name = (char *)cases[i].last, .number = (char *)(cases[i].number != NULL ? "2" : NULL)};
        g_autoptr(GPtrArray) files = g_ptr_array_new();
        g_autofree char *name = NULL;

        g_ptr_array_add(files, &first);
        g_ptr_array_add(files, &last);
        name = turn_name(files);
        g_test_message("%s", name);
        g_assert_true(g_str_has_prefix(name, cases[i].begins));
        g_assert_cmpuint(strlen(name), <=, 63);
        g_assert_true(g_utf8_validate(name, -1, NULL));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/folder/numbers", test_numbers);
    g_test_add_func("/folder/number_order", test_number_order);
    g_test_add_func("/folder/versions", test_versions);
    g_test_add_func("/folder/sections", test_sections);
    g_test_add_func("/folder/order", test_order);
    g_test_add_func("/folder/ambiguous", test_ambiguous_folders);
    g_test_add_func("/folder/find", test_files_are_found);
    g_test_add_func("/folder/standings", test_standings);
    g_test_add_func("/folder/turns", test_turns);
    g_test_add_func("/folder/turn_names", test_turn_names);
    return g_test_run();
}
