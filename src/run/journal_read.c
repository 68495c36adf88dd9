#include <string.h>

#include "base/error.h"
#include "db/array.h"
#include "plan/plan_json.h"
#include "run/journal.h"
#include "run_queries.h"

MigrationState
state_of_name(const char *name)
{
    for (int i = 0; i < N_STATES; i++) {
        if (strcmp(state_name((MigrationState)i), name) == 0)
            return (MigrationState)i;
    }
    g_assert_not_reached();
}

static int
index_of_stage(const char *name)
{
    for (int i = 0; i <= STAGE_DONE; i++) {
        if (strcmp(stage_name((Stage)i), name) == 0)
            return i;
    }
    g_assert_not_reached();
}

void
journal_migration_free(JournalMigration *migration)
{
    if (migration == NULL)
        return;
    g_free(migration->name);
    g_free(migration->reason);
    g_free(migration->runner);
    g_free(migration->created_at);
    g_free(migration->changed_at);
    g_clear_pointer(&migration->rewrites, g_ptr_array_unref);
    g_free(migration);
}

static JournalMigration *
read_migration(const DbResult *rows, int i)
{
    JournalMigration *migration = g_new0(JournalMigration, 1);

    migration->quarantined = -1;
    migration->id = db_int(rows, i, "id");
    migration->name = g_strdup(db_text(rows, i, "name"));
    migration->state = state_of_name(db_text(rows, i, "state"));
    migration->stage = (Stage)index_of_stage(db_text(rows, i, "stage"));
    migration->reason = g_strdup(db_text(rows, i, "reason"));
    migration->is_paused = db_bool(rows, i, "is_paused");
    migration->steps_done = (int)db_int(rows, i, "steps_done");
    migration->steps_total = (int)db_int(rows, i, "steps_total");
    migration->rows_done = db_int(rows, i, "rows_done");
    migration->rows_total = db_int(rows, i, "rows_total");
    migration->backfill_s = (double)db_int(rows, i, "spent_ms") / 1000;
    migration->runner = g_strdup(db_text(rows, i, "runner"));
    migration->created_at = g_strdup(db_text(rows, i, "created_at"));
    migration->changed_at = g_strdup(db_text(rows, i, "changed_at"));
    return migration;
}

GPtrArray *
journal_list(DbConn *conn, const char *name, GError **error)
{
    g_autoptr(DbResult) rows = db_query(conn, QUERY_MIGRATION_LIST, DB_ARGS(name), error);
    GPtrArray *list;

    if (rows == NULL)
        return NULL;
    list = g_ptr_array_new_with_free_func((GDestroyNotify)journal_migration_free);
    for (int i = 0; i < db_rows(rows); i++)
        g_ptr_array_add(list, read_migration(rows, i));
    if (!journal_read_rewrites(conn, name, list, error))
        g_clear_pointer(&list, g_ptr_array_unref);
    return list;
}

static void
set_several(const GPtrArray *list, GError **error)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < list->len; i++) {
        const JournalMigration *migration = g_ptr_array_index(list, i);

        if (!state_is_over(migration->state))
            g_string_append_printf(names, "%s%s (%s)", names->len > 0 ? ", " : "", migration->name,
                                   state_name(migration->state));
    }
    seam_error_set(error, SEAM_ERROR_REFUSED, "several migrations are under way: %s", names->str);
    seam_error_hint(error, "name the one you mean");
}

/* Without a name: the one that is under way; without one, the newest of all, so that the caller can say what became of
 * it. */
static JournalMigration *
choose(GPtrArray *list, gboolean is_named, GError **error)
{
    guint chosen = 0;
    guint live = 0;

    for (guint i = 0; i < list->len; i++) {
        const JournalMigration *migration = g_ptr_array_index(list, i);

        if (!state_is_over(migration->state) && live++ == 0)
            chosen = i;
    }
    if (!is_named && live > 1) {
        set_several(list, error);
        return NULL;
    }
    return g_ptr_array_steal_index(list, chosen);
}

JournalMigration *
journal_find(DbConn *conn, const char *name, GError **error)
{
    g_autoptr(GPtrArray) list = NULL;
    gboolean exists = FALSE;

    if (!journal_exists(conn, &exists, error))
        return NULL;
    if (exists) {
        list = journal_list(conn, name, error);
        if (list == NULL)
            return NULL;
    }
    if (list == NULL || list->len == 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED,
                       name != NULL ? "there is no migration %s" : "no migration is under way%s",
                       name != NULL ? name : "");
        seam_error_hint(error, "`pgseam status` lists them; `pgseam start FILE.sql` begins one");
        return NULL;
    }
    return choose(list, name != NULL, error);
}

Plan *
journal_plan(DbConn *conn, gint64 migration, GError **error)
{
    g_autofree char *id = db_int_text(migration);
    g_autoptr(DbResult) row =
        db_query(conn, "SELECT plan FROM pgseam.migration WHERE id = $1::bigint", DB_ARGS(id), error);

    if (row == NULL)
        return NULL;
    return plan_from_json(db_text(row, 0, "plan"), "the plan in the journal", error);
}

void
chunk_clear(Chunk *chunk)
{
    g_clear_pointer(&chunk->cursor, g_ptr_array_unref);
    g_clear_pointer(&chunk->high, g_ptr_array_unref);
}

gboolean
journal_get_chunk(DbConn *conn, gint64 migration, int step, Chunk *ret, GError **error)
{
    g_autofree char *id = db_int_text(migration);
    g_autofree char *number = g_strdup_printf("%d", step);
    g_autoptr(DbResult) row = db_query(conn, QUERY_CHUNK_GET, DB_ARGS(id, number), error);

    memset(ret, 0, sizeof(*ret));
    if (row == NULL || db_rows(row) == 0)
        return row != NULL;
    ret->exists = TRUE;
    ret->cursor = db_bool(row, 0, "no_cursor") ? NULL : db_array(row, 0, "cursor");
    ret->high = db_bool(row, 0, "no_high") ? NULL : db_array(row, 0, "high");
    ret->rows_seen = db_int(row, 0, "rows_seen");
    ret->rows_changed = db_int(row, 0, "rows_changed");
    ret->batches = db_int(row, 0, "batches");
    ret->passes = (int)db_int(row, 0, "passes");
    ret->pass_changed = db_int(row, 0, "pass_changed");
    ret->is_done = db_bool(row, 0, "is_done");
    return TRUE;
}

gboolean
journal_put_chunk(DbConn *conn, gint64 migration, int step, const Chunk *chunk, gint64 batch_ms, GError **error)
{
    gint64 numbers[] = {migration,      step,          chunk->rows_seen,    chunk->rows_changed,
                        chunk->batches, chunk->passes, chunk->pass_changed, batch_ms};
    char text[G_N_ELEMENTS(numbers)][32];
    g_autofree char *cursor = db_array_text(chunk->cursor);
    g_autofree char *high = db_array_text(chunk->high);
    g_autoptr(DbResult) row = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        g_snprintf(text[i], sizeof(text[i]), "%" G_GINT64_FORMAT, numbers[i]);
    row = db_query(conn, QUERY_CHUNK_PUT,
                   DB_ARGS(text[0], text[1], cursor, high, text[2], text[3], text[4], text[5], text[6],
                           chunk->is_done ? "true" : "false", text[7]),
                   error);
    if (row == NULL)
        return FALSE;
    if (db_rows(row) == 1)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_FENCED, "the cursor of step %d has been moved by somebody else", step);
    seam_error_hint(error, "see `pgseam status`");
    return FALSE;
}
