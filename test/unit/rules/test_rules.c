/*
 * Lock modes against the manual, and the lock table's own consistency. What the rows say is measured by
 * test/server/test_lock_table.py.
 */
#include <string.h>

#include "rules/effects.h"

/* Manual, section 13.3.1, table 13.2 "Conflicting Lock Modes", as it is printed there. */
static const char *const table_13_2[] = {
    "ACCESS SHARE           . . . . . . . X", "ROW SHARE              . . . . . . X X",
    "ROW EXCLUSIVE          . . . . X X X X", "SHARE UPDATE EXCLUSIVE . . . X X X X X",
    "SHARE                  . . X X . X X X", "SHARE ROW EXCLUSIVE    . . X X X X X X",
    "EXCLUSIVE              . X X X X X X X", "ACCESS EXCLUSIVE       X X X X X X X X",
};

static void
test_conflicts(void)
{
    for (int a = 0; a < 8; a++) {
        g_autofree char *name = g_strchomp(g_strndup(table_13_2[a], 23));

        g_assert_cmpstr(lock_mode_name((LockMode)(a + 1)), ==, name);
        for (int b = 0; b < 8; b++) {
            gboolean conflict = table_13_2[a][23 + 2 * b] == 'X';

            g_assert_cmpint(lock_modes_conflict((LockMode)(a + 1), (LockMode)(b + 1)), ==, conflict);
            g_assert_cmpint(lock_modes_conflict((LockMode)(b + 1), (LockMode)(a + 1)), ==, conflict);
        }
        g_assert_false(lock_modes_conflict(LOCK_NONE, (LockMode)(a + 1)));
        g_assert_false(lock_modes_conflict((LockMode)(a + 1), LOCK_NONE));
    }
}

static void
test_mode_names(void)
{
    static const char *const catalog[] = {
        "AccessShareLock", "RowShareLock",          "RowExclusiveLock", "ShareUpdateExclusiveLock",
        "ShareLock",       "ShareRowExclusiveLock", "ExclusiveLock",    "AccessExclusiveLock"};

    for (int i = 0; i < 8; i++) {
        LockMode mode = (LockMode)(i + 1);

        g_assert_cmpstr(lock_mode_catalog_name(mode), ==, catalog[i]);
        g_assert_cmpint(lock_mode_of_name(catalog[i]), ==, mode);
        g_assert_cmpint(lock_mode_of_name(lock_mode_name(mode)), ==, mode);
    }
    g_assert_cmpint(lock_mode_of_name("SIReadLock"), ==, LOCK_NONE);
    g_assert_cmpint(lock_mode_of_name(""), ==, LOCK_NONE);
    g_assert_cmpint(lock_mode_of_name("NONE"), ==, LOCK_NONE);
    g_assert_cmpint(lock_mode_of_name(NULL), ==, LOCK_NONE);
    g_assert_cmpstr(lock_mode_name(LOCK_NONE), ==, "NONE");
}

static void
test_hold_names(void)
{
    for (int hold = HOLD_INSTANT; hold <= HOLD_UNKNOWN; hold++)
        g_assert_cmpint(lock_hold_of_name(lock_hold_name((LockHold)hold)), ==, hold);
    g_assert_cmpint(lock_hold_of_name("for ever"), ==, HOLD_UNKNOWN);
    g_assert_cmpint(lock_hold_of_name(NULL), ==, HOLD_UNKNOWN);
}

/* On each version each statement has at most one row for each relation; no row is empty. */
static void
test_rows(void)
{
    gsize n;
    const EffectRow *rows = effect_rows(&n);

    g_assert_cmpuint(n, >, 0);
    for (gsize i = 0; i < n; i++) {
        g_assert_nonnull(rows[i].statement);
        g_assert_nonnull(rows[i].source);
        g_assert_cmpint(rows[i].mode, !=, LOCK_NONE);
        g_assert_true(rows[i].until == 0 || rows[i].since <= rows[i].until);
        for (gsize k = i + 1; k < n; k++) {
            gboolean same = strcmp(rows[i].statement, rows[k].statement) == 0 && rows[i].on == rows[k].on;
            gboolean apart = (rows[i].until != 0 && rows[i].until < rows[k].since) ||
                             (rows[k].until != 0 && rows[k].until < rows[i].since);

            g_assert_true(!same || apart);
        }
    }
}

/* Whatever versions a row names, it is found on these and on no other. */
static void
test_find_by_version(void)
{
    gsize n;
    const EffectRow *rows = effect_rows(&n);

    for (gsize i = 0; i < n; i++) {
        for (int major = 14; major <= 19; major++) {
            gboolean in =
                (rows[i].since == 0 || major >= rows[i].since) && (rows[i].until == 0 || major <= rows[i].until);
            const EffectRow *first = effect_find(rows[i].statement, rows[i].on, major * 10000);
            const EffectRow *last = effect_find(rows[i].statement, rows[i].on, major * 10000 + 9999);

            g_assert_true(first == last);
            g_assert_cmpint(first == &rows[i], ==, in);
        }
    }
    g_assert_null(effect_find("FROB", ON_TABLE, 150000));
    g_assert_null(effect_find("ADD COLUMN", ON_REFERENCED, 150000));
    g_assert_nonnull(effect_find("DROP COLUMN", ON_REFERENCED, 140000));
}

static void
test_describe(void)
{
    g_autofree char *set = effect_describe("SET NOT NULL", 150018);
    g_autofree char *index = effect_describe("CREATE INDEX", 180000);
    g_autofree char *none = effect_describe("FROB", 150018);

    g_assert_cmpstr(set, ==, "ACCESS EXCLUSIVE, scan");
    g_assert_cmpstr(index, ==, "SHARE, build");
    g_assert_null(none);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rules/locks/conflicts", test_conflicts);
    g_test_add_func("/rules/locks/mode_names", test_mode_names);
    g_test_add_func("/rules/effects/hold_names", test_hold_names);
    g_test_add_func("/rules/effects/rows", test_rows);
    g_test_add_func("/rules/effects/find_by_version", test_find_by_version);
    g_test_add_func("/rules/effects/describe", test_describe);
    return g_test_run();
}
