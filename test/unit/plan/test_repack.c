/*
 * A plan without a file: repack.
 */
#include <string.h>

#include "base/error.h"
#include "fixture.h"
#include "plan/repack.h"

static GPtrArray *
names_of(const char *list)
{
    g_auto(GStrv) parts = g_strsplit(list, ",", -1);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    for (guint i = 0; parts[i] != NULL; i++)
        g_ptr_array_add(names, g_strdup(parts[i]));
    return names;
}

static Plan *
plan_of(const RepackRequest *request, const char *table, GError **error)
{
    g_autoptr(Facts) facts = fixture_shop();

    return repack_plan(request, facts, facts_find(facts, NULL, table), error);
}

static void
test_plan(void)
{
    g_autoptr(GPtrArray) columns = names_of("state,id");
    RepackRequest request = {"repack_orders", "pgseam repack orders", "state, id DESC", "fast", columns};
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = plan_of(&request, "orders", &error);
    const Step *prepare;

    g_assert_no_error(error);
    prepare = g_ptr_array_index(plan->steps, 0);
    g_assert_true(prepare->kind == STEP_REWRITE_PREPARE);
    g_assert_cmpstr(plan->migration, ==, "repack_orders");
    g_assert_cmpstr(plan->source, ==, "-- pgseam repack orders\n");
    g_assert_cmpstr(step_get(prepare, PARAM_REWRITE), ==, "pgseam_rewrite_repack_orders_shop.orders");
    g_assert_cmpstr(step_get(prepare, PARAM_ORDER_BY), ==, "state, id DESC");
    g_assert_cmpstr(step_get(prepare, PARAM_ALTER), ==, "SET TABLESPACE fast");
    g_assert_cmpstr(step_get_nth(prepare, PARAM_COLUMN_ORDER, 1), ==, "state");
    g_assert_cmpstr(step_get_nth(prepare, PARAM_COLUMN_ORDER, 2), ==, "id");
    g_assert_nonnull(strstr(g_ptr_array_index(plan->notes, 0), "INSERT without a column list"));
    g_assert_cmpint(((const Step *)g_ptr_array_index(plan->steps, plan->steps->len - 1))->kind, ==, STEP_REWRITE_DROP);
    g_assert_true(((const Step *)g_ptr_array_index(plan->steps, 7))->kind == STEP_FOREIGN_KEY_VALIDATE);
}

static void
assert_refused(const RepackRequest *request, const char *table, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Plan) plan = plan_of(request, table, &error);

    g_assert_null(plan);
    g_assert_true(seam_error_is(error, SEAM_ERROR_REFUSED));
    if (strstr(error->message, message) == NULL)
        g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, message));
}

/* What stands behind ORDER BY is put into a query: it must be an order and nothing else. */
static void
test_refused(void)
{
    static const char *const orders[] = {"id LIMIT 5",    "id; DROP TABLE x", "id -- x", "id -- x\n",
                                         "id /* x",       "id) , (state",     "",        "id OFFSET 1",
                                         "id FOR UPDATE", "SELECT 1"};
    g_autoptr(GPtrArray) unheard = names_of("id,zzz");
    g_autoptr(GPtrArray) twice = names_of("id,state,id");
    RepackRequest plain = {.migration = "r", .command = "c"};
    RepackRequest request = plain;

    for (gsize i = 0; i < G_N_ELEMENTS(orders); i++) {
        request.order_by = orders[i];
        assert_refused(&request, "orders", "this is no order");
    }
    request = plain;
    request.column_order = unheard;
    assert_refused(&request, "orders", "column \"zzz\" of table shop.orders does not exist");
    request.column_order = twice;
    assert_refused(&request, "orders", "column \"id\" is named twice");
    assert_refused(&plain, "nokey", "has no usable key");
    assert_refused(&plain, "theirs", "does not own table shop.theirs");
    assert_refused(&plain, "parted", "is no ordinary table");
    assert_refused(&plain, "adults", "is a view");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/repack/plan", test_plan);
    g_test_add_func("/plan/repack/refused", test_refused);
    return g_test_run();
}
