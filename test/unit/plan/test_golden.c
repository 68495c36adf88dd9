/*
 * Golden plans: each NAME.sql of test/golden, planned on the shop of fixture.h, gives exactly NAME.txt: the plan's
 * text, or the refusal. After a change that is meant: PGSEAM_GOLDEN_UPDATE=1 test/run unit plan_golden, and read the
 * diff.
 */
#include <string.h>

#include "base/error.h"
#include "fixture.h"
#include "plan/plan_text.h"
#include "plan/planner.h"

static char *
plan_or_refusal(const char *path)
{
    g_autoptr(Facts) facts = fixture_shop();
    g_autofree char *name = g_path_get_basename(path);
    g_autofree char *source = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Script) script = NULL;
    g_autoptr(Plan) plan = NULL;

    fixture_objects(facts);
    g_assert_true(g_file_get_contents(path, &source, NULL, NULL));
    script = script_read(name, source, &error);
    plan = script != NULL ? planner_build(script, facts, &error) : NULL;
    if (plan != NULL)
        return plan_to_text(plan);
    return g_strdup_printf("%s\n%s\n", error->message, seam_error_get_detail(error));
}

static void
test_golden(gconstpointer data)
{
    const char *path = data;
    g_autofree char *actual = plan_or_refusal(path);
    g_autofree char *stem = g_strndup(path, strlen(path) - strlen(".sql"));
    g_autofree char *golden = g_strconcat(stem, ".txt", NULL);
    g_autofree char *expected = NULL;

    if (g_getenv("PGSEAM_GOLDEN_UPDATE") != NULL)
        g_assert_true(g_file_set_contents(golden, actual, -1, NULL));
    g_assert_true(g_file_get_contents(golden, &expected, NULL, NULL));
    g_assert_cmpstr(actual, ==, expected);
}

int
main(int argc, char **argv)
{
    const char *folder = g_getenv("PGSEAM_GOLDEN");
    g_autoptr(GDir) dir = folder != NULL ? g_dir_open(folder, 0, NULL) : NULL;
    const char *name;

    g_test_init(&argc, &argv, NULL);
    if (dir == NULL) {
        g_printerr("PGSEAM_GOLDEN is not the folder test/golden\n");
        return 2;
    }
    while ((name = g_dir_read_name(dir)) != NULL) {
        if (g_str_has_suffix(name, ".sql")) {
            g_autofree char *test = g_strdup_printf("/plan/golden/%.*s", (int)(strlen(name) - 4), name);
            g_test_add_data_func_full(test, g_build_filename(folder, name, NULL), test_golden, g_free);
        }
    }
    return g_test_run();
}
