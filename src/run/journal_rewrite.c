#include "base/sqltext.h"
#include "run/journal.h"
#include "run_queries.h"

static void
rewrite_free(gpointer data)
{
    JournalRewrite *rewrite = data;

    g_free(rewrite->table);
    g_free(rewrite->phase);
    g_free(rewrite->capture);
    g_free(rewrite->capture_why);
    g_free(rewrite);
}

static JournalRewrite *
read_rewrite(const DbResult *rows, int i)
{
    JournalRewrite *rewrite = g_new0(JournalRewrite, 1);

    rewrite->migration = db_int(rows, i, "migration_id");
    rewrite->table = sql_quote_name(db_text(rows, i, "source_schema"), db_text(rows, i, "source_table"));
    rewrite->phase = g_strdup(db_text(rows, i, "phase"));
    rewrite->capture = g_strdup(db_text(rows, i, "capture"));
    rewrite->capture_why = g_strdup(db_text(rows, i, "capture_why"));
    rewrite->blocks = db_int(rows, i, "blocks");
    rewrite->blocks_done = db_int(rows, i, "blocks_done");
    rewrite->rows_copied = db_int(rows, i, "rows_copied");
    rewrite->copy_s = db_double(rows, i, "copy_s");
    rewrite->dirty_keys = db_int(rows, i, "dirty_keys");
    rewrite->keys_applied = db_int(rows, i, "keys_applied");
    rewrite->restarts = (int)db_int(rows, i, "restarts");
    rewrite->swap_ms = db_text(rows, i, "swap_ms") != NULL ? (int)db_int(rows, i, "swap_ms") : -1;
    rewrite->is_copied = db_bool(rows, i, "is_copied");
    rewrite->is_indexed = db_bool(rows, i, "is_indexed");
    rewrite->is_verified = db_bool(rows, i, "is_verified");
    rewrite->is_swapped = db_bool(rows, i, "is_swapped");
    rewrite->is_dropped = db_bool(rows, i, "is_dropped");
    return rewrite;
}

/* To the migration that it belongs to; one that began since the list was read is left out. */
static void
hand_out(GPtrArray *migrations, JournalRewrite *rewrite)
{
    for (guint i = 0; i < migrations->len; i++) {
        JournalMigration *migration = g_ptr_array_index(migrations, i);

        if (migration->id == rewrite->migration) {
            g_ptr_array_add(migration->rewrites, rewrite);
            return;
        }
    }
    rewrite_free(rewrite);
}

gboolean
journal_read_rewrites(DbConn *conn, const char *name, GPtrArray *migrations, GError **error)
{
    g_autoptr(DbResult) there =
        db_query(conn, "SELECT pg_catalog.to_regclass('pgseam.rewrite') IS NOT NULL AS is_there", DB_NONE, error);
    g_autoptr(DbResult) rows = NULL;

    if (there == NULL)
        return FALSE;
    for (guint i = 0; i < migrations->len; i++) {
        JournalMigration *migration = g_ptr_array_index(migrations, i);

        g_clear_pointer(&migration->rewrites, g_ptr_array_unref);
        migration->rewrites = g_ptr_array_new_with_free_func(rewrite_free);
    }
    if (!db_bool(there, 0, "is_there"))
        return TRUE;
    rows = db_query(conn, QUERY_REWRITE_LIST, DB_ARGS(name), error);
    for (int i = 0; rows != NULL && i < db_rows(rows); i++)
        hand_out(migrations, read_rewrite(rows, i));
    return rows != NULL;
}
