/*
 * pgseam-try swap DSN WHAT SCHEMA TABLE REWRITE [column=NAME] [widen=NAME]...: `check`, `shape`, `forward` or `back` on
 * a shadow that is there, in one transaction. `forward` prints how many milliseconds the exchange took.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "rewrite/swap.h"
#include "try.h"

#define MIGRATION 1

static gint64
oid_of(DbConn *conn, const char *schema, const char *table, GError **error)
{
    g_autoptr(DbResult) row = db_query(conn,
                                       "SELECT c.oid::bigint FROM pg_catalog.pg_class AS c "
                                       "JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
                                       "WHERE n.nspname = $1 AND c.relname = $2",
                                       DB_ARGS(schema, table), error);

    return row != NULL && db_rows(row) == 1 ? db_int(row, 0, "oid") : 0;
}

static gboolean
show_locks(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autoptr(Step) step = step_new(PHASE_CONTRACT, STEP_REWRITE_SWAP, rewrite->schema, rewrite->table);

    if (!swap_add_locks(rewrite, conn, rewrite->is_swapped ? SWAP_BACK : SWAP_FORWARD, step, error))
        return FALSE;
    for (guint i = 0; i < step->locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(step->locks, i);

        printf("%s.%s %s%s\n", lock->schema, lock->table, lock_mode_name(lock->mode),
               lock->is_owned ? "" : " (itself)");
    }
    return TRUE;
}

static gboolean
note_shape(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_auto(SwapShape) shape = {NULL};

    if (db_run(conn, "BEGIN", DB_NONE, error) && swap_read_shape(rewrite, conn, &shape, error) &&
        swap_store_shape(rewrite, conn, &shape, error))
        return db_commit(conn, error);
    db_abort(conn);
    return FALSE;
}

/* Strong locks that the transaction holds on what is the user's. */
static gboolean
show_held(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autoptr(DbResult) rows = db_query(
        conn,
        "SELECT n.nspname || '.' || c.relname AS name, l.mode FROM pg_catalog.pg_locks AS l "
        "JOIN pg_catalog.pg_class AS c ON c.oid = l.relation JOIN pg_catalog.pg_namespace AS n ON n.oid = "
        "c.relnamespace "
        "WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND c.relkind IN ('r', 'v', 'S', 'm', "
        "'p') "
        "AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock') "
        "AND n.nspname NOT IN ('pgseam', 'pg_catalog', $1) ORDER BY 1, 2",
        DB_ARGS(rewrite->name), error);

    for (int i = 0; rows != NULL && i < db_rows(rows); i++)
        printf("held %s %s\n", db_text(rows, i, "name"), db_text(rows, i, "mode"));
    return rows != NULL;
}

/* As the lead of a cut-over does it: the fence and writers' lock are its own affair. */
static gboolean
exchange(Rewrite *rewrite, DbConn *conn, SwapDirection direction, GError **error)
{
    gint64 begun;

    if (!swap_warm(rewrite, direction, error) || !db_run(conn, "BEGIN", DB_NONE, error))
        return FALSE;
    begun = g_get_monotonic_time();
    if (!swap_catalog(rewrite, direction, error)) {
        db_abort(conn);
        return FALSE;
    }
    printf("%.1f ms\n", (double)(g_get_monotonic_time() - begun) / 1000);
    return show_held(rewrite, conn, error) && db_commit(conn, error);
}

static gboolean
run(Rewrite *rewrite, DbConn *conn, const char *what, GError **error)
{
    if (strcmp(what, "check") == 0)
        return swap_check(rewrite, conn, error);
    if (strcmp(what, "locks") == 0)
        return show_locks(rewrite, conn, error);
    if (strcmp(what, "shape") == 0)
        return note_shape(rewrite, conn, error);
    return exchange(rewrite, conn, strcmp(what, "back") == 0 ? SWAP_BACK : SWAP_FORWARD, error);
}

/* The oids are read once, while the tables are where they belong, and given on as words of their own. */
static gboolean
read_args(Rewrite *rewrite, Step *prepare, char **args)
{
    for (char **arg = args; *arg != NULL; arg++) {
        if (g_str_has_prefix(*arg, "column="))
            step_append(prepare, PARAM_MAP_COLUMN, g_strdup(strchr(*arg, '=') + 1));
        else if (g_str_has_prefix(*arg, "widen="))
            step_append(prepare, PARAM_WIDEN, g_strdup(strchr(*arg, '=') + 1));
        else if (g_str_has_prefix(*arg, "slot="))
            rewrite->slot = strchr(*arg, '=') + 1;
        else
            return FALSE;
    }
    return TRUE;
}

gboolean
try_swap(const char *dsn, char **args, GError **error)
{
    g_autoptr(DbConn) conn = db_open(dsn, "pgseam/try/swap", error);
    g_autoptr(Step) prepare = step_new(PHASE_CONTRACT, STEP_REWRITE_PREPARE, args[1], args[2]);
    Run seam = {.work = conn, .migration = MIGRATION, .deadlock_ms = 1000};
    Rewrite rewrite = {.run = &seam, .prepare = prepare, .schema = args[1], .table = args[2], .name = args[3]};
    gboolean is_back = strcmp(args[0], "back") == 0;

    if (conn == NULL)
        return FALSE;
    run_options_init(&seam.options);
    rewrite.source_oid = oid_of(conn, is_back ? args[3] : args[1], args[2], error);
    rewrite.shadow_oid = oid_of(conn, is_back ? args[1] : args[3], args[2], error);
    rewrite.is_swapped = is_back;
    if (!read_args(&rewrite, prepare, args + 4)) {
        seam_error_set(error, SEAM_ERROR_USAGE, "unknown argument");
        return FALSE;
    }
    return run(&rewrite, conn, args[0], error);
}
