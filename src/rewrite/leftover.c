#include "rewrite/leftover.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "base/units.h"
#include "rewrite/follow.h"
#include "rewrite/rewrite.h"
#include "rewrite/trigger.h"
#include "rewrite_queries.h"
#include "run/journal.h"

#define LIVE_CHECK                                                                                                     \
    "SELECT NOT EXISTS (SELECT FROM pgseam.rewrite AS r JOIN pgseam.migration AS m ON m.id = r.migration_id "          \
    "WHERE r.name = ? AND m.state NOT IN ('complete', 'rolled_back'))"

static void
leftover_free(gpointer data)
{
    Leftover *item = data;

    g_free(item->kind);
    g_free(item->within);
    g_free(item->schema);
    g_free(item->table);
    g_free(item->name);
    g_clear_pointer(&item->refers, g_ptr_array_unref);
    g_free(item->migration);
    g_free(item->state);
    g_free(item->kept);
    g_free(item->check);
    g_free(item);
}

static gboolean
is_kind(const Leftover *item, const char *kind)
{
    return strcmp(item->kind, kind) == 0;
}

/* The journal's row of the rewrite that an object belongs to, one of a migration that is under way before all others;
 * -1: it knows of none. */
static int
owner_row(const DbResult *journal, const Leftover *item)
{
    gboolean by_slot = item->within == NULL;
    int found = -1;

    for (int i = 0; journal != NULL && i < db_rows(journal); i++) {
        const char *name = db_text(journal, i, by_slot ? "slot" : "name");

        if (g_strcmp0(name, by_slot ? item->name : item->within) != 0)
            continue;
        if (!db_bool(journal, i, "is_over"))
            return i;
        if (found < 0)
            found = i;
    }
    return found;
}

/* Keys and marks, which are of no use once the migration is over. */
static gboolean
is_own_table(const Leftover *item)
{
    const char *names[] = {trigger_forward.dirty, trigger_forward.mark, trigger_reverse.dirty, trigger_reverse.mark,
                           FOLLOW_TRUNCATED};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(item->name, names[i]) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Whether all rows of a table are certainly somewhere else. */
static gboolean
is_copy(const Leftover *item, gint64 oid, const DbResult *journal, int row)
{
    return item->bytes == 0 || is_own_table(item) ||
           (row >= 0 && db_bool(journal, row, "is_at_home") && db_int(journal, row, "shadow_oid") == oid);
}

static char *
why_kept(const Leftover *item, const DbResult *objects, int i)
{
    if (!db_bool(objects, i, "is_ours"))
        return is_kind(item, "slot") ? g_strdup("only a role with REPLICATION may drop it")
                                     : g_strdup("it belongs to another role");
    if (db_bool(objects, i, "is_active"))
        return g_strdup("a session is using it");
    if (db_text(objects, i, "needs") != NULL)
        return is_kind(item, "schema")
                   ? g_strdup_printf("it holds what pgseam did not make: %s", db_text(objects, i, "needs"))
                   : g_strdup_printf("something depends on it: %s", db_text(objects, i, "needs"));
    return NULL;
}

/* What must still hold in the transaction that drops it. */
static char *
check_of(const Leftover *item, const DbResult *journal, int row)
{
    g_autofree char *is_over = sql_build(LIVE_CHECK, sql_literal(item->within));

    if (!is_kind(item, "table") || is_own_table(item) || row < 0 || !db_bool(journal, row, "is_at_home"))
        return g_steal_pointer(&is_over);
    return sql_build("SELECT (?) AND pg_catalog.to_regclass(?) = ?::pg_catalog.oid", sql_raw(is_over),
                     sql_literal(db_text(journal, row, "source")), sql_int(db_int(journal, row, "source_oid")));
}

static Leftover *
read_item(const DbResult *objects, int i, const DbResult *journal, gboolean old_tables)
{
    Leftover *item = g_new0(Leftover, 1);
    int row;

    item->kind = g_strdup(db_text(objects, i, "kind"));
    item->within = g_strdup(db_text(objects, i, "within"));
    item->schema = g_strdup(db_text(objects, i, "schema"));
    item->table = g_strdup(db_text(objects, i, "table"));
    item->name = g_strdup(db_text(objects, i, "name"));
    item->bytes = db_int(objects, i, "bytes");
    item->refers = db_array(objects, i, "refers");
    row = owner_row(journal, item);
    if (row >= 0) {
        item->migration = g_strdup(db_text(journal, row, "migration"));
        item->state = g_strdup(db_text(journal, row, "state"));
        if (item->within == NULL)
            item->within = g_strdup(db_text(journal, row, "name"));
    }
    item->kept = why_kept(item, objects, i);
    item->check = check_of(item, journal, row);
    if (row >= 0 && !db_bool(journal, row, "is_over")) {
        g_free(item->kept);
        item->kept = g_strdup_printf("migration %s is under way: `pgseam rollback %s` takes it away", item->migration,
                                     item->migration);
    } else if (item->kept == NULL && is_kind(item, "table") && !old_tables &&
               !is_copy(item, db_int(objects, i, "oid"), journal, row)) {
        g_autofree char *size = units_bytes_about((double)item->bytes);

        item->kept = g_strdup_printf("%s that may be nowhere else: --old-tables drops it", size);
    }
    return item;
}

/* A schema, and the functions in it, go last and only if nothing else of it stays. */
static void
keep_homes(GPtrArray *items)
{
    for (guint i = 0; i < items->len; i++) {
        Leftover *home = g_ptr_array_index(items, i);

        for (guint k = 0; (is_kind(home, "schema") || is_kind(home, "function")) && k < items->len; k++) {
            const Leftover *item = g_ptr_array_index(items, k);
            gboolean counts = is_kind(item, "trigger") ||
                              (is_kind(home, "schema") && !is_kind(item, "slot") && !is_kind(item, "publication"));

            if (home->kept == NULL && counts && item->kept != NULL && g_strcmp0(item->within, home->within) == 0)
                home->kept = g_strdup_printf("%s %s stays", item->kind, item->name);
        }
    }
}

static gboolean
has_rewrites(DbConn *conn, gboolean *ret_has, GError **error)
{
    gboolean exists = FALSE;
    g_autoptr(DbResult) row = NULL;

    *ret_has = FALSE;
    if (!journal_exists(conn, &exists, error))
        return FALSE;
    if (!exists)
        return TRUE;
    row = db_query(conn, "SELECT pg_catalog.to_regclass('pgseam.rewrite') IS NOT NULL AS has", DB_NONE, error);
    *ret_has = row != NULL && db_bool(row, 0, "has");
    return row != NULL;
}

/* Objects first, in a statement of their own: a rewrite's row is committed before the first of its objects is there, so
 * what is seen now has its row by the time the journal is read. */
GPtrArray *
leftover_find(DbConn *conn, gboolean old_tables, GError **error)
{
    g_autoptr(DbResult) objects = db_query(conn, QUERY_LEFTOVER_OBJECTS, DB_NONE, error);
    g_autoptr(DbResult) journal = NULL;
    gboolean has_journal;
    GPtrArray *items;

    if (objects == NULL || !has_rewrites(conn, &has_journal, error))
        return NULL;
    if (has_journal && (journal = db_query(conn, QUERY_LEFTOVER_JOURNAL, DB_NONE, error)) == NULL)
        return NULL;
    items = g_ptr_array_new_with_free_func(leftover_free);
    for (int i = 0; i < db_rows(objects); i++)
        g_ptr_array_add(items, read_item(objects, i, journal, old_tables));
    keep_homes(items);
    return items;
}
