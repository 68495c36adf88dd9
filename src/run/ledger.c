#include "run/ledger.h"

#include <string.h>

#include "base/error.h"
#include "run/journal.h"
#include "run_queries.h"

static FileState
state_of(const JournalMigration *migration)
{
    if (migration->state == STATE_COMPLETE)
        return FILE_APPLIED;
    return migration->stage == STAGE_GATE ? FILE_GATED : FILE_UNDER_WAY;
}

/* The newest migration of that name that has not been taken back; the list has the newest first. */
static const JournalMigration *
find_migration(const GPtrArray *migrations, const char *name)
{
    for (guint i = 0; i < migrations->len; i++) {
        const JournalMigration *migration = g_ptr_array_index(migrations, i);

        if (strcmp(migration->name, name) == 0 && migration->state != STATE_ROLLED_BACK)
            return migration;
    }
    return NULL;
}

static LedgerRow *
read_row(const DbResult *rows, int i)
{
    LedgerRow *row = g_new0(LedgerRow, 1);

    row->name = g_strdup(db_text(rows, i, "name"));
    row->checksum = g_strdup(db_text(rows, i, "checksum"));
    row->kind = g_strdup(db_text(rows, i, "kind"));
    row->at = g_strdup(db_text(rows, i, "noted_at"));
    row->by = g_strdup(db_text(rows, i, "noted_by"));
    row->state = FILE_APPLIED;
    return row;
}

static const JournalMigration *
migration_of_id(const GPtrArray *migrations, gint64 id)
{
    for (guint i = 0; i < migrations->len; i++) {
        const JournalMigration *migration = g_ptr_array_index(migrations, i);

        if (migration->id == id)
            return migration;
    }
    return NULL;
}

/* A row of a migration that was rolled back says nothing any more. */
static void
add_rows(GPtrArray *list, const DbResult *rows, const GPtrArray *migrations)
{
    for (int i = 0; i < db_rows(rows); i++) {
        gboolean has_migration = db_text(rows, i, "migration_id") != NULL;
        const JournalMigration *migration =
            has_migration ? migration_of_id(migrations, db_int(rows, i, "migration_id")) : NULL;
        LedgerRow *row;

        if (has_migration && (migration == NULL || migration->state == STATE_ROLLED_BACK))
            continue;
        row = read_row(rows, i);
        if (has_migration) {
            row->state = state_of(migration);
            row->migration = g_strdup(migration->name);
        }
        g_ptr_array_add(list, row);
    }
}

static gboolean
has_row(const GPtrArray *list, const char *name)
{
    for (guint i = 0; i < list->len; i++) {
        if (strcmp(((const LedgerRow *)g_ptr_array_index(list, i))->name, name) == 0)
            return TRUE;
    }
    return FALSE;
}

static LedgerRow *
started_row(const JournalMigration *migration, const Plan *plan)
{
    LedgerRow *row = g_new0(LedgerRow, 1);

    row->name = g_strdup(migration->name);
    row->migration = g_strdup(migration->name);
    row->checksum = g_strdup(plan->source_sha256 != NULL ? plan->source_sha256 : "");
    row->is_of_plan = TRUE;
    row->kind = g_strdup("started");
    row->at = g_strdup(migration->created_at);
    row->state = state_of(migration);
    return row;
}

static gboolean
add_started(DbConn *conn, GPtrArray *list, const GPtrArray *migrations, const GPtrArray *files, GError **error)
{
    for (guint i = 0; i < files->len; i++) {
        const FolderFile *file = g_ptr_array_index(files, i);
        const JournalMigration *migration = has_row(list, file->name) ? NULL : find_migration(migrations, file->name);
        g_autoptr(Plan) plan = NULL;

        if (migration == NULL)
            continue;
        plan = journal_plan(conn, migration->id, error);
        if (plan == NULL)
            return FALSE;
        g_ptr_array_add(list, started_row(migration, plan));
    }
    return TRUE;
}

static gboolean
has_ledger(DbConn *conn, gboolean *ret_has, GError **error)
{
    g_autoptr(DbResult) there =
        db_query(conn, "SELECT pg_catalog.to_regclass('pgseam.ledger') IS NOT NULL AS is_there", DB_NONE, error);

    if (there != NULL)
        *ret_has = db_bool(there, 0, "is_there");
    return there != NULL;
}

GPtrArray *
ledger_read(DbConn *conn, const GPtrArray *files, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)ledger_row_free);
    g_autoptr(GPtrArray) migrations = NULL;
    g_autoptr(DbResult) rows = NULL;
    gboolean exists = FALSE;
    gboolean has = FALSE;

    if (!journal_exists(conn, &exists, error))
        return NULL;
    if (!exists)
        return g_steal_pointer(&list);
    if (!has_ledger(conn, &has, error))
        return NULL;
    /* The rows first: a migration that begins meanwhile is then without a row, which says less, but nothing wrong. */
    rows = has ? db_query(conn, QUERY_LEDGER_LIST, DB_NONE, error) : NULL;
    if (has && rows == NULL)
        return NULL;
    migrations = journal_list(conn, NULL, error);
    if (migrations == NULL)
        return NULL;
    if (has)
        add_rows(list, rows, migrations);
    return add_started(conn, list, migrations, files, error) ? g_steal_pointer(&list) : NULL;
}

/* `migration` 0: none. */
static gboolean
put(DbConn *conn, const LedgerEntry *entry, gint64 migration, GError **error)
{
    g_autofree char *id = migration != 0 ? db_int_text(migration) : NULL;
    g_autoptr(DbResult) row =
        db_query(conn, QUERY_LEDGER_PUT, DB_ARGS(entry->name, entry->checksum, entry->kind, id), error);

    if (row == NULL || db_rows(row) == 1)
        return row != NULL;
    seam_error_set(error, SEAM_ERROR_FENCED, "the ledger has file %s already", entry->name);
    seam_error_hint(error, "`pgseam migrate DIR --status` shows what it says");
    return FALSE;
}

gboolean
ledger_put_all(DbConn *conn, const GPtrArray *entries, gint64 migration, GError **error)
{
    for (guint i = 0; entries != NULL && i < entries->len; i++) {
        const LedgerEntry *entry = g_ptr_array_index(entries, i);

        if ((entries->len > 1 && !journal_check_name(conn, entry->name, error)) || !put(conn, entry, migration, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
ledger_check_name(DbConn *conn, const char *name, GError **error)
{
    gboolean has = FALSE;
    gboolean is_complete;
    g_autoptr(DbResult) owner = NULL;

    if (!has_ledger(conn, &has, error))
        return FALSE;
    owner = has ? db_query(conn, QUERY_LEDGER_OWNER, DB_ARGS(name), error) : NULL;
    if (!has || owner == NULL || db_rows(owner) == 0)
        return !has || owner != NULL;
    is_complete = strcmp(db_text(owner, 0, "state"), state_name(STATE_COMPLETE)) == 0;
    seam_error_set(error, is_complete ? SEAM_ERROR_REFUSED : SEAM_ERROR_FENCED,
                   "file %s %s run as part of migration %s (%s)", name, is_complete ? "was" : "is being",
                   db_text(owner, 0, "name"), db_text(owner, 0, "state"));
    if (is_complete)
        seam_error_hint(error, "a new migration needs a file of another name");
    else
        seam_error_hint(error, "`pgseam status %s` shows where it is", db_text(owner, 0, "name"));
    return FALSE;
}

/* Nothing noted yet, and nothing half done. */
gboolean
ledger_check_baseline(DbConn *conn, const GPtrArray *files, GError **error)
{
    g_autoptr(GPtrArray) rows = ledger_read(conn, files, error);

    if (rows == NULL)
        return FALSE;
    for (guint i = 0; i < rows->len; i++) {
        const LedgerRow *row = g_ptr_array_index(rows, i);

        if (strcmp(row->kind, "started") != 0) {
            seam_error_set(error, SEAM_ERROR_REFUSED, "the ledger has rows already: the first is %s (%s, %s)",
                           row->name, row->kind, row->at);
            seam_error_hint(error, "a baseline is for a database that pgseam knows nothing of yet; `pgseam migrate DIR "
                                   "--status` shows where this one is");
            return FALSE;
        }
    }
    for (guint i = 0; i < rows->len; i++) {
        const LedgerRow *row = g_ptr_array_index(rows, i);

        if (row->state == FILE_APPLIED)
            continue;
        seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s is %s: it is not applied yet", row->name,
                       file_state_name(row->state));
        seam_error_hint(error, "`pgseam complete` or `pgseam rollback` it first");
        return FALSE;
    }
    return TRUE;
}

/* Under the journal's lock: two at a time would both see an empty ledger. */
gboolean
ledger_baseline(DbConn *conn, const GPtrArray *files, const char *kind, GError **error)
{
    if (!db_run(conn, "BEGIN", DB_NONE, error) || !journal_lock(conn, error) ||
        !ledger_check_baseline(conn, files, error))
        goto failed;
    for (guint i = 0; i < files->len; i++) {
        const FolderFile *file = g_ptr_array_index(files, i);
        LedgerEntry entry = {file->name, file->checksum, kind};

        if (!put(conn, &entry, 0, error))
            goto failed;
    }
    if (db_commit(conn, error))
        return TRUE;
failed:
    db_abort(conn);
    return FALSE;
}

gboolean
ledger_accept(DbConn *conn, const FolderFile *file, GError **error)
{
    g_autoptr(GPtrArray) migrations = journal_list(conn, file->name, error);
    const JournalMigration *migration = migrations != NULL ? find_migration(migrations, file->name) : NULL;
    g_autofree char *id = migration != NULL ? db_int_text(migration->id) : NULL;

    return migrations != NULL && db_run(conn, QUERY_LEDGER_ACCEPT, DB_ARGS(file->name, file->checksum, id), error);
}
