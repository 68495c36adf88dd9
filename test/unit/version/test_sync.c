/*
 * version/sync: the text of the sync trigger; what it does is seen on servers (test/server/test_version_sync*.py).
 */
#include <string.h>

#include "base/names.h"
#include "version/sync.h"

static SyncTable *
split_table(const char *schema, const char *name)
{
    SyncTable *table = sync_table_new(schema, name, "own", "side");
    SyncGroup *group = sync_table_add(table, SYNC_PAIR);
    SyncColumn *up = sync_group_add_new(group, "whole", "text", "first || last");

    sync_column_add_input(up, "first", "text", NULL);
    sync_column_add_input(up, "last", "text", NULL);
    sync_column_add_input(sync_group_add_old(group, "first", "text", "left(\"whole\", 1)"), "whole", "text", NULL);
    sync_column_add_input(sync_group_add_old(group, "last", "text", "substr(\"whole\", 2)"), "whole", "text", NULL);
    return table;
}

static SyncTable *
all_kinds(gboolean has_user_triggers)
{
    SyncTable *table = split_table("public", "t");
    SyncGroup *add = sync_table_add(table, SYNC_ADD);
    SyncGroup *drop = sync_table_add(table, SYNC_DROP);
    SyncGroup *fill = sync_table_add(table, SYNC_FILL);

    table->has_user_triggers = has_user_triggers;
    sync_table_set_view(table, "v2", "t");
    sync_column_add_input(sync_group_add_new(add, "a", "integer", "n + 1"), "n", "integer", NULL);
    sync_column_add_input(sync_group_add_old(drop, "d", "integer", "n - 1"), "n", "integer", NULL);
    sync_group_add_new(fill, "f", "integer", "0");
    return table;
}

static char *
joined(GPtrArray *statements)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < statements->len; i++)
        g_string_append_printf(out, "%s\n", (const char *)g_ptr_array_index(statements, i));
    g_ptr_array_unref(statements);
    return g_string_free(out, FALSE);
}

static SyncTable *
guarded(gboolean has_user_triggers, gboolean guards_up, gboolean guards_down)
{
    SyncTable *table = all_kinds(has_user_triggers);

    sync_table_set_quarantine(table, guards_up, guards_down);
    sync_table_add_key(table, "id", "bigint");
    sync_table_add_key(table, "k'ey", "text");
    return table;
}

/* What would look an operator up by search_path must not be in any body. */
static void
test_bodies_look_nothing_up(void)
{
    for (guint kind = 0; kind < 8; kind++) {
        static const char *const forbidden[] = {" = ",    " <> ", " > ",      " & ",      " | ",
                                                "NULLIF", " IN ", "DISTINCT", "BETWEEN ", "CASE NEW"};
        g_autoptr(SyncTable) table = guarded((kind & 1) != 0, (kind & 2) != 0, (kind & 4) != 0);
        g_autoptr(GPtrArray) statements = sync_functions_sql(table);

        for (guint i = 0; i < statements->len; i++) {
            const char *statement = g_ptr_array_index(statements, i);

            if (strstr(statement, "plpgsql") == NULL)
                continue;
            for (guint k = 0; k < G_N_ELEMENTS(forbidden); k++)
                g_assert_null(strstr(statement, forbidden[k]));
        }
    }
}

static void
test_one_function_for_each_moment(void)
{
    g_autoptr(SyncTable) alone = all_kinds(FALSE);
    g_autoptr(SyncTable) among = all_kinds(TRUE);
    g_autofree char *one = joined(sync_triggers_sql(alone));
    g_autofree char *two = joined(sync_triggers_sql(among));

    g_assert_nonnull(strstr(one, SYNC_LAST_TRIGGER));
    g_assert_null(strstr(one, SYNC_FIRST_TRIGGER));
    g_assert_nonnull(strstr(two, SYNC_LAST_TRIGGER));
    g_assert_nonnull(strstr(two, SYNC_FIRST_TRIGGER));
    g_assert_nonnull(strstr(two, "ENABLE ALWAYS TRIGGER \"" SYNC_FIRST_TRIGGER "\""));
    g_assert_nonnull(strstr(two, "ENABLE ALWAYS TRIGGER \"" SYNC_LAST_TRIGGER "\""));
}

static void
test_names_of_triggers_can_be_others(void)
{
    g_autoptr(SyncTable) table = all_kinds(FALSE);
    g_autofree char *made = NULL;
    g_autofree char *gone = NULL;

    g_free(table->last_trigger);
    table->last_trigger = g_strdup("~~~z");
    made = joined(sync_triggers_sql(table));
    gone = joined(sync_drop_triggers_sql(table));
    g_assert_nonnull(strstr(made, "CREATE TRIGGER \"~~~z\" "));
    g_assert_nonnull(strstr(gone, "DROP TRIGGER IF EXISTS \"~~~z\" "));
}

static void
test_marker(void)
{
    g_autoptr(SyncTable) table = all_kinds(FALSE);
    g_autoptr(SyncTable) fill = sync_table_new("public", "t", "own", NULL);
    g_autofree char *sql = NULL;

    g_assert_cmpint(sync_marker_default(table), ==, 15);
    g_assert_true(sync_needs_marker(table));
    sync_group_add_new(sync_table_add(fill, SYNC_FILL), "f", "integer", "0");
    g_assert_false(sync_needs_marker(fill));
    sql = joined(sync_functions_sql(fill));
    g_assert_null(strstr(sql, "NEW.\"\""));
}

/* All groups that there can be fit into the marker's type. */
static void
test_marker_of_many_groups(void)
{
    g_autoptr(SyncTable) table = sync_table_new("public", "t", "own", "side");

    for (guint i = 0; i < SYNC_MAX_GROUPS; i++)
        sync_table_add(table, SYNC_DROP);
    g_assert_cmpint(sync_marker_default(table), ==, G_MAXINT16);
}

static char *
call_of(const char *schema, const char *name, const char *row)
{
    g_autoptr(SyncTable) table = split_table(schema, name);
    const SyncGroup *group = g_ptr_array_index(table->groups, 0);

    return sync_call(table, g_ptr_array_index(group->new_columns, 0), row);
}

static void
test_calls(void)
{
    g_autofree char *new_row = call_of("public", "t", "NEW");
    g_autofree char *bare = call_of("public", "t", NULL);

    g_assert_cmpstr(new_row, ==, "own.\"pgseam_up_public.t.whole\"(NEW.\"first\", NEW.\"last\")");
    g_assert_cmpstr(bare, ==, "own.\"pgseam_up_public.t.whole\"(\"first\", \"last\")");
}

/* Names that dots or length would make one. */
static void
test_names_are_never_one(void)
{
    g_autofree char *long_name = g_strnfill(63, 'x');
    g_autofree char *other_long = g_strdup(long_name);
    g_autofree char *dot_left = call_of("a.b", "c", NULL);
    g_autofree char *dot_right = call_of("a", "b.c", NULL);
    g_autofree char *one = call_of("public", long_name, NULL);
    g_autofree char *two = NULL;

    other_long[62] = 'y';
    two = call_of("public", other_long, NULL);
    g_assert_cmpstr(dot_left, !=, dot_right);
    g_assert_cmpstr(one, !=, two);
}

static void
test_an_expression_cannot_leave_its_place(void)
{
    g_autoptr(SyncTable) table = sync_table_new("public", "t", "own", "side");
    g_autoptr(GPtrArray) statements = NULL;

    sync_group_add_new(sync_table_add(table, SYNC_FILL), "a", "text", "'?' -- why");
    statements = sync_functions_sql(table);
    g_assert_true(g_str_has_suffix(g_ptr_array_index(statements, 0), "RETURN (\n'?' -- why\n)"));
}

static void
test_dropped_in_the_order_of_their_needs(void)
{
    g_autoptr(SyncTable) table = all_kinds(TRUE);
    g_autofree char *gone = joined(sync_drop_functions_sql(table));

    g_assert_true(g_str_has_prefix(gone, "DROP FUNCTION IF EXISTS own.\"pgseam_last_public.t\"\n"));
    g_assert_nonnull(strstr(gone, "pgseam_first_public.t"));
    g_assert_nonnull(strstr(gone, "pgseam_up_public.t.whole"));
    g_assert_nonnull(strstr(gone, "pgseam_down_public.t.d"));
}

/* Columns that nothing makes stay as they are, and there is still a body. */
static void
test_one_way(void)
{
    g_autoptr(SyncTable) table = sync_table_new("public", "t", "own", "side");
    SyncGroup *group = sync_table_add(table, SYNC_PAIR);
    g_autofree char *functions = NULL;
    g_autofree char *mismatch = NULL;

    sync_group_add_old(group, "o", "text", NULL);
    sync_column_add_input(sync_group_add_new(group, "n", "text", "o"), "o", "text", NULL);
    functions = joined(sync_functions_sql(table));
    mismatch = sync_mismatch_sql(table, "t.id < 5");
    g_assert_null(strstr(functions, "pgseam_down"));
    g_assert_null(strstr(functions, "ROW()"));
    g_assert_nonnull(strstr(mismatch, "WHERE (t.id < 5) AND ("));
}

static guint
count(const char *text, const char *part)
{
    guint n = 0;

    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        n++;
    return n;
}

/* Without quarantine no statement pays for it, and nothing is caught. */
static void
test_nothing_is_caught_unless_asked_for(void)
{
    g_autoptr(SyncTable) table = all_kinds(TRUE);
    g_autofree char *functions = joined(sync_functions_sql(table));

    g_assert_cmpuint(count(functions, "EXCEPTION"), ==, 0);
    g_assert_cmpuint(count(functions, "pgseam_try"), ==, 0);
    g_assert_null(sync_quarantine_scan_sql(table));
    g_assert_null(sync_quarantine_list_sql(table));
    g_assert_null(sync_quarantine_none_sql(table));
    g_assert_null(sync_quarantine_keep_sql(table));
}

/* One direction is guarded, the other fails as it did; and neither has rights of its own. */
static void
test_what_is_caught(void)
{
    for (guint kind = 1; kind < 4; kind++) {
        gboolean guards_up = (kind & 1) != 0;
        gboolean guards_down = (kind & 2) != 0;
        g_autoptr(SyncTable) table = guarded(TRUE, guards_up, guards_down);
        g_autofree char *functions = joined(sync_functions_sql(table));

        g_assert_cmpint(count(functions, "''new'', CAST(") > 0, ==, guards_up);
        g_assert_cmpint(count(functions, "''old'', CAST(") > 0, ==, guards_down);
        g_assert_cmpint(count(functions, "RAISE;") > 0, ==, !guards_up || !guards_down);
        g_assert_cmpuint(count(functions, "EXCEPTION WHEN"), ==, count(functions, "EXCEPTION WHEN data_exception OR "));
        g_assert_cmpuint(count(functions, "OTHERS"), ==, 0);
        g_assert_cmpuint(count(functions, "query_canceled"), ==, 0);
        g_assert_cmpuint(count(functions, "SECURITY DEFINER"), ==, 0);
        g_assert_cmpuint(count(functions, "INSERT INTO own.pgseam_quarantine"), >, 0);
    }
}

/* What only pgseam calls is for nobody else; and all of it goes with the rest. */
static void
test_functions_of_quarantine(void)
{
    g_autoptr(SyncTable) table = guarded(FALSE, TRUE, TRUE);
    g_autofree char *made = joined(sync_functions_sql(table));
    g_autofree char *gone = joined(sync_drop_functions_sql(table));
    g_autofree char *list = sync_quarantine_list_sql(table);

    g_assert_cmpuint(count(made, "CREATE FUNCTION own.\"pgseam_try_"), ==, 4);
    g_assert_cmpuint(count(made, "REVOKE ALL ON FUNCTION own.\"pgseam_try_"), ==, 4);
    g_assert_cmpuint(count(made, "REVOKE ALL ON FUNCTION own.\"pgseam_key_"), ==, 1);
    g_assert_cmpuint(count(made, "CREATE FUNCTION"), ==, count(gone, "DROP FUNCTION"));
    g_assert_nonnull(strstr(made, "key_2 := $1 OPERATOR(pg_catalog.->>) ''k''''ey''"));
    g_assert_nonnull(strstr(made, "\"public\".\"t\".\"whole\"%TYPE"));
    g_assert_nonnull(strstr(list, "t.\"k'ey\" = k.key_2"));
}

static void
test_lines_are_added_and_nothing_else(void)
{
    g_autofree char *sql = joined(sync_quarantine_sql("own", "it's"));

    g_assert_cmpuint(count(sql, "GRANT"), ==, 1);
    g_assert_nonnull(strstr(sql, "GRANT INSERT (table_schema, "));
    g_assert_nonnull(strstr(sql, "DEFAULT 'it''s'"));
    g_assert_nonnull(strstr(sql, "REVOKE ALL ON %s FROM %s"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sync/bodies_look_nothing_up", test_bodies_look_nothing_up);
    g_test_add_func("/sync/one_function_for_each_moment", test_one_function_for_each_moment);
    g_test_add_func("/sync/names_of_triggers_can_be_others", test_names_of_triggers_can_be_others);
    g_test_add_func("/sync/marker", test_marker);
    g_test_add_func("/sync/marker_of_many_groups", test_marker_of_many_groups);
    g_test_add_func("/sync/calls", test_calls);
    g_test_add_func("/sync/names_are_never_one", test_names_are_never_one);
    g_test_add_func("/sync/an_expression_cannot_leave_its_place", test_an_expression_cannot_leave_its_place);
    g_test_add_func("/sync/dropped_in_the_order_of_their_needs", test_dropped_in_the_order_of_their_needs);
    g_test_add_func("/sync/one_way", test_one_way);
    g_test_add_func("/sync/nothing_is_caught_unless_asked_for", test_nothing_is_caught_unless_asked_for);
    g_test_add_func("/sync/what_is_caught", test_what_is_caught);
    g_test_add_func("/sync/functions_of_quarantine", test_functions_of_quarantine);
    g_test_add_func("/sync/lines_are_added_and_nothing_else", test_lines_are_added_and_nothing_else);
    return g_test_run();
}
