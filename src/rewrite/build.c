#include "rewrite/build.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "db/array.h"
#include "rewrite/shape.h"
#include "rewrite/swap.h"
#include "rewrite/workers.h"
#include "rewrite_queries.h"
#include "run/fault.h"
#include "run/progress.h"

/* An index to be built by a worker. Its texts belong to the list that it is from. */
typedef struct IndexJob {
    const char *name;
    const char *tablespace; /* NULL: the table's own */
    const char *sql;
    RunFence fence;
} IndexJob;

typedef struct Build {
    Rewrite *rewrite;
    DbResult *indexes;
    GHashTable *present; /* set of names that are there */
    int next;
    int done;
    int total;
} Build;

static DbResult *
read_indexes(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->source_oid);
    g_autofree char *without = shape_names(rewrite, PARAM_WITHOUT);

    return db_query(conn, QUERY_SHAPE_INDEXES, DB_ARGS(oid, rewrite->name, without), error);
}

static gboolean
set_tablespace(DbConn *conn, const char *tablespace, GError **error)
{
    return db_run(conn, "SELECT pg_catalog.set_config('default_tablespace', $1, true)",
                  DB_ARGS(tablespace != NULL ? tablespace : ""), error);
}

/* What the plan builds after the rows are there, and the rest of the shape. */
static gboolean
finish(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->source_oid);
    g_autofree char *without = shape_names(rewrite, PARAM_WITHOUT);
    g_autoptr(DbResult) statements = db_query(conn, QUERY_SHAPE_FINISH, DB_ARGS(oid, rewrite->name, without), error);

    return statements != NULL && shape_alter(rewrite, conn, PARAM_BUILD, error) &&
           shape_run_all(conn, statements, error);
}

/* The names of the key columns as they are in the dirty table. The caller frees. */
static char *
key_columns(Rewrite *rewrite, DbConn *conn, gboolean is_quoted, GError **error)
{
    g_autofree char *dirty = rewrite_own_name(rewrite, REWRITE_DIRTY);
    g_autoptr(DbResult) row =
        db_query(conn,
                 "SELECT pg_catalog.array_agg(a.attname::text ORDER BY a.attnum) AS names FROM pg_catalog.pg_attribute "
                 "AS a WHERE a.attrelid = $1::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped",
                 DB_ARGS(dirty), error);
    g_autoptr(GPtrArray) names = row != NULL ? db_array(row, 0, "names") : NULL;

    if (names == NULL)
        return NULL;
    return is_quoted ? sql_quote_list(names) : db_array_text(names);
}

/* Rows are found by the key: where the new shape has no index that leads with it, one is made, and dropped by
 * `complete`. */
static gboolean
ensure_key_index(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *table = rewrite_shadow_name(rewrite);
    g_autofree char *names = key_columns(rewrite, conn, FALSE, error);
    g_autofree char *list = names != NULL ? key_columns(rewrite, conn, TRUE, error) : NULL;
    g_autofree char *index = shape_key_index(rewrite);
    g_autofree char *sql = NULL;
    g_autoptr(DbResult) row = NULL;

    if (list == NULL)
        return FALSE;
    row = db_query(conn, QUERY_KEY_INDEX, DB_ARGS(table, names), error);
    if (row == NULL || db_bool(row, 0, "is_there"))
        return row != NULL;
    sql = sql_build("CREATE INDEX ? ON ? (?)", sql_ident(index), sql_raw(table), sql_raw(list));
    return db_run(conn, sql, DB_NONE, error);
}

gboolean
build_on_empty(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autoptr(DbResult) indexes = read_indexes(rewrite, conn, error);

    if (indexes == NULL)
        return FALSE;
    for (int i = 0; i < db_rows(indexes); i++) {
        const char *early = db_text(indexes, i, "early");

        if (early != NULL && !db_run(conn, early, DB_NONE, error))
            return FALSE;
    }
    for (int i = 0; i < db_rows(indexes); i++) {
        const char *late = db_text(indexes, i, "late");

        if (late != NULL && !db_run(conn, late, DB_NONE, error))
            return FALSE;
    }
    return finish(rewrite, conn, error) && ensure_key_index(rewrite, conn, error);
}

static GHashTable *
read_present(Rewrite *rewrite, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->shadow_oid);
    g_autoptr(DbResult) rows = db_query(rewrite->run->control,
                                        "SELECT c.relname AS name FROM pg_catalog.pg_index AS i JOIN "
                                        "pg_catalog.pg_class AS c ON c.oid = i.indexrelid WHERE i.indrelid = $1::oid",
                                        DB_ARGS(oid), error);
    GHashTable *present;

    if (rows == NULL)
        return NULL;
    present = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (int i = 0; i < db_rows(rows); i++)
        g_hash_table_add(present, g_strdup(db_text(rows, i, "name")));
    return present;
}

static gboolean
next_index(gpointer data, gpointer *ret_job, GError **error)
{
    Build *build = data;

    *ret_job = NULL;
    for (; build->next < db_rows(build->indexes) && *ret_job == NULL; build->next++) {
        const char *name = db_text(build->indexes, build->next, "name");
        IndexJob *job;

        if (db_text(build->indexes, build->next, "early") == NULL || g_hash_table_contains(build->present, name))
            continue;
        job = g_new0(IndexJob, 1);
        job->name = name;
        job->tablespace = db_text(build->indexes, build->next, "tablespace");
        job->sql = db_text(build->indexes, build->next, "early");
        job->fence = run_fence(build->rewrite->run);
        *ret_job = job;
    }
    return TRUE;
}

/* In a worker: several of them lock the shadow in SHARE mode, which lets each other pass. */
static gboolean
build_index(const WorkerHands *hands, gpointer data, GError **error)
{
    const IndexJob *job = data;
    DbConn *conn = hands->first;

    if (db_run(conn, "BEGIN", DB_NONE, error) && run_check_fence(conn, &job->fence, error) &&
        set_tablespace(conn, job->tablespace, error) && db_run(conn, job->sql, DB_NONE, error) &&
        db_commit(conn, error))
        return TRUE;
    db_abort(conn);
    return FALSE;
}

static gboolean
index_done(gpointer data, gpointer job, GError **error)
{
    Build *build = data;

    g_free(job);
    build->done++;
    progress_at(build->rewrite->run->progress, build->done, NULL);
    return fault_point(build->rewrite->run, "rewrite.index.built", error);
}

/* The server names one value; people want to know what to look for. */
static void
tell_duplicates(const Rewrite *rewrite, GError **error)
{
    if (seam_error_has_sqlstate(*error, "23505") || seam_error_has_sqlstate(*error, "23P01"))
        seam_error_hint(error,
                        "rows of %s.%s do not fit the new shape: correct them, then `pgseam resume`; `pgseam rollback` "
                        "undoes the migration",
                        rewrite->schema, rewrite->table);
}

/* All that must run alone, in one transaction with the note that it is done. */
static gboolean
finish_with_rows(Rewrite *rewrite, const DbResult *indexes, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);
    g_autofree char *analyze = sql_build("ANALYZE ?", sql_name(rewrite->name, rewrite->table));

    if (conn == NULL || !rewrite_begin(rewrite, conn, error))
        return FALSE;
    for (int i = 0; i < db_rows(indexes); i++) {
        const char *late = db_text(indexes, i, "late");

        if (late != NULL && !db_run(conn, late, DB_NONE, error))
            goto failed;
    }
    if (finish(rewrite, conn, error) && ensure_key_index(rewrite, conn, error) &&
        swap_note_shape(rewrite, conn, error) && db_run(conn, analyze, DB_NONE, error) &&
        rewrite_note(rewrite, conn, "is_indexed = true", error) && db_commit(conn, error)) {
        rewrite->is_indexed = TRUE;
        return rewrite_read_flow(rewrite, error);
    }
failed:
    tell_duplicates(rewrite, error);
    db_abort(conn);
    return FALSE;
}

/* What is missing of the indexes that can be built side by side. */
static gboolean
build_missing(Rewrite *rewrite, Build *build, GError **error)
{
    int n = rewrite->run->options.copy_jobs;
    Workers *workers = workers_of(rewrite, n, error);
    WorkersJob jobs = {next_index, build_index, index_done, build, g_free};

    if (workers == NULL || !workers_run(workers, n, &jobs, error)) {
        tell_duplicates(rewrite, error);
        return FALSE;
    }
    return TRUE;
}

static gboolean
read_build(Rewrite *rewrite, Build *ret, GError **error)
{
    *ret = (Build){.rewrite = rewrite, .indexes = read_indexes(rewrite, rewrite->run->control, error)};
    if (ret->indexes != NULL)
        ret->present = read_present(rewrite, error);
    return ret->present != NULL;
}

static void
build_clear(Build *build)
{
    g_clear_pointer(&build->indexes, db_result_free);
    g_clear_pointer(&build->present, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Build, build_clear)

gboolean
build_with_rows(Rewrite *rewrite, GError **error)
{
    g_auto(Build) build = {NULL};

    return read_build(rewrite, &build, error) && build_missing(rewrite, &build, error) &&
           finish_with_rows(rewrite, build.indexes, error);
}

static gboolean
note_again(Rewrite *rewrite, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);

    if (conn == NULL || !rewrite_begin(rewrite, conn, error))
        return FALSE;
    if (swap_note_shape(rewrite, conn, error) && db_commit(conn, error))
        return rewrite_read_flow(rewrite, error);
    db_abort(conn);
    return FALSE;
}

static gboolean
is_missing(const Build *build)
{
    for (int i = 0; i < db_rows(build->indexes); i++) {
        if (db_text(build->indexes, i, "early") != NULL &&
            !g_hash_table_contains(build->present, db_text(build->indexes, i, "name")))
            return TRUE;
    }
    return FALSE;
}

gboolean
build_new_indexes(Rewrite *rewrite, GError **error)
{
    g_auto(Build) build = {NULL};

    if (!read_build(rewrite, &build, error) || !is_missing(&build))
        return build.present != NULL;
    return build_missing(rewrite, &build, error) && note_again(rewrite, error);
}
