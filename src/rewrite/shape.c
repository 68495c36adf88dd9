#include "rewrite/shape.h"

#include "base/error.h"
#include "base/names.h"
#include "base/sqltext.h"
#include "db/array.h"
#include "rewrite/build.h"
#include "rewrite/swap.h"
#include "rewrite_queries.h"

static gboolean
run_built(DbConn *conn, char *sql, GError **error)
{
    g_autofree char *statement = sql;

    return db_run(conn, statement, DB_NONE, error);
}

static gboolean
run_from(DbConn *conn, const DbResult *statements, int first, GError **error)
{
    for (int i = first; i < db_rows(statements); i++) {
        if (!db_run(conn, db_text(statements, i, "statement"), DB_NONE, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
shape_run_all(DbConn *conn, const DbResult *statements, GError **error)
{
    return run_from(conn, statements, 0, error);
}

/* The user's subcommands, each an ALTER TABLE of its own on the shadow. */
gboolean
shape_alter(Rewrite *rewrite, DbConn *conn, const char *param, GError **error)
{
    const char *subcommand;

    for (guint n = 1; (subcommand = step_get_nth(rewrite->prepare, param, n)) != NULL; n++) {
        if (!run_built(conn, sql_build("ALTER TABLE ? ?", sql_name(rewrite->name, rewrite->table), sql_raw(subcommand)),
                       error)) {
            seam_error_hint(error, "%s cannot be done on a table of this shape: correct the migration", subcommand);
            return FALSE;
        }
    }
    return TRUE;
}

char *
shape_names(const Rewrite *rewrite, const char *param)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *name;

    for (guint n = 1; (name = step_get_nth(rewrite->prepare, param, n)) != NULL; n++)
        g_ptr_array_add(names, (gpointer)name);
    return db_array_text(names);
}

char *
shape_key_index(const Rewrite *rewrite)
{
    g_autofree char *stem = g_strdup_printf("%s.%s", rewrite->schema, rewrite->table);

    return name_bounded("key", stem);
}

/* "id integer, name text COLLATE x": what makes a table of dirty keys. */
static char *
dirty_columns(const DbResult *keys)
{
    GString *out = g_string_new(NULL);

    for (int i = 0; i < db_rows(keys); i++) {
        const char *collation = db_text(keys, i, "collation");
        g_autofree char *column =
            sql_build("? ???", sql_ident(db_text(keys, i, "name")), sql_raw(db_text(keys, i, "type")),
                      sql_raw(collation != NULL ? " COLLATE " : ""), sql_raw(collation != NULL ? collation : ""));

        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", column);
    }
    return g_string_free(out, FALSE);
}

/* No index: it is a log. VACUUM must not truncate it: that takes ACCESS EXCLUSIVE, behind which writers would queue. */
gboolean
shape_create_dirty(Rewrite *rewrite, DbConn *conn, const char *name, const DbResult *keys, GError **error)
{
    g_autofree char *columns = dirty_columns(keys);

    return run_built(conn,
                     sql_build("CREATE TABLE ? (?) WITH (vacuum_truncate = false, autovacuum_vacuum_scale_factor = 0, "
                               "autovacuum_vacuum_threshold = 20000)",
                               sql_name(rewrite->name, name), sql_raw(columns)),
                     error);
}

static gboolean
create_dirty(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->source_oid);
    g_autoptr(DbResult) keys = db_query(conn, QUERY_KEY_COLUMNS, DB_ARGS(oid), error);

    if (keys == NULL)
        return FALSE;
    if (db_rows(keys) == 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "table %s.%s has no key by which its rows can be found again",
                       rewrite->schema, rewrite->table);
        seam_error_hint(error,
                        "give it a primary key, or a unique index on columns that are NOT NULL, in a migration of "
                        "its own");
        return FALSE;
    }
    return shape_create_dirty(rewrite, conn, REWRITE_DIRTY, keys, error);
}

/* The first statement of the list in another form: with the columns in the plan's order. */
static gboolean
create_ordered(Rewrite *rewrite, DbConn *conn, const char *tail, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->source_oid);
    g_autofree char *order = shape_names(rewrite, PARAM_COLUMN_ORDER);
    g_autoptr(DbResult) statements =
        db_query(conn, QUERY_SHAPE_ORDERED, DB_ARGS(oid, rewrite->name, order, tail), error);

    return statements != NULL && shape_run_all(conn, statements, error);
}

static gboolean
find_shadow(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *name = rewrite_shadow_name(rewrite);
    g_autoptr(DbResult) row = db_query(conn, "SELECT $1::pg_catalog.regclass::oid AS oid", DB_ARGS(name), error);

    if (row != NULL)
        rewrite->shadow_oid = db_int(row, 0, "oid");
    return row != NULL;
}

static gboolean
fit_sequences(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *source = db_int_text(rewrite->source_oid);
    g_autofree char *shadow = db_int_text(rewrite->shadow_oid);
    g_autoptr(DbResult) statements = db_query(conn, QUERY_SHAPE_SEQUENCES, DB_ARGS(source, shadow), error);

    return statements != NULL && shape_run_all(conn, statements, error);
}

static gboolean
create_table(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->source_oid);
    gboolean is_ordered = step_get(rewrite->prepare, PARAM_COLUMN_ORDER) != NULL;
    g_autoptr(DbResult) statements = db_query(conn, QUERY_SHAPE_CREATE, DB_ARGS(oid, rewrite->name), error);

    if (statements == NULL)
        return FALSE;
    if (is_ordered && !create_ordered(rewrite, conn, db_text(statements, 0, "tail"), error))
        return FALSE;
    return run_from(conn, statements, is_ordered ? 1 : 0, error) && find_shadow(rewrite, conn, error) &&
           fit_sequences(rewrite, conn, error) && shape_alter(rewrite, conn, PARAM_ALTER, error);
}

/* The whole shape on the empty table, read, and taken back again: what cannot work fails before anything long begins.
 */
static gboolean
try_shape(Rewrite *rewrite, DbConn *conn, SwapShape *ret, GError **error)
{
    return db_run(conn, "SAVEPOINT shape", DB_NONE, error) && build_on_empty(rewrite, conn, error) &&
           swap_read_shape(rewrite, conn, ret, error) && db_run(conn, "ROLLBACK TO shape", DB_NONE, error);
}

static gboolean
note_shadow(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *name = rewrite_shadow_name(rewrite);
    g_autofree char *assignment =
        sql_build("shadow_oid = ?::pg_catalog.regclass, phase = 'prepared'", sql_literal(name));

    return rewrite_note(rewrite, conn, assignment, error);
}

/* Recovery empties unlogged tables, and nothing tells: a row of one that is gone does. */
static gboolean
create_witness(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *source = db_int_text(rewrite->source_oid);
    g_autofree char *shadow = db_int_text(rewrite->shadow_oid);
    g_autoptr(DbResult) row = db_query(conn,
                                       "SELECT pg_catalog.bool_or(c.relpersistence <> 'p') AS is_volatile FROM "
                                       "pg_catalog.pg_class AS c WHERE c.oid IN ($1::oid, $2::oid)",
                                       DB_ARGS(source, shadow), error);

    if (row == NULL || !db_bool(row, 0, "is_volatile"))
        return row != NULL;
    return run_built(conn,
                     sql_build("CREATE UNLOGGED TABLE ? (is_there boolean)", sql_name(rewrite->name, REWRITE_WITNESS)),
                     error) &&
           run_built(conn, sql_build("INSERT INTO ? VALUES (true)", sql_name(rewrite->name, REWRITE_WITNESS)), error);
}

static gboolean
create_all(Rewrite *rewrite, DbConn *conn, SwapShape *ret, GError **error)
{
    g_autofree char *schema = sql_build("CREATE SCHEMA ?", sql_ident(rewrite->name));

    return db_run(conn, schema, DB_NONE, error) && create_table(rewrite, conn, error) &&
           create_witness(rewrite, conn, error) && create_dirty(rewrite, conn, error) &&
           try_shape(rewrite, conn, ret, error);
}

gboolean
shape_try(Rewrite *rewrite, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);
    g_auto(SwapShape) shape = {NULL, NULL, NULL, NULL};
    gboolean ok;

    if (conn == NULL)
        return FALSE;
    ok = db_run(conn, "BEGIN", DB_NONE, error) && create_all(rewrite, conn, &shape, error);
    db_abort(conn);
    rewrite->shadow_oid = 0;
    if (!ok && seam_error_is(*error, SEAM_ERROR_SQL))
        seam_error_recode(error, SEAM_ERROR_REFUSED);
    return ok;
}

gboolean
shape_create(Rewrite *rewrite, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);
    g_auto(SwapShape) shape = {NULL, NULL, NULL, NULL};

    if (conn == NULL)
        return FALSE;
    if (rewrite_begin(rewrite, conn, error) && create_all(rewrite, conn, &shape, error) &&
        swap_store_shape(rewrite, conn, &shape, error) && note_shadow(rewrite, conn, error) && db_commit(conn, error))
        return TRUE;
    db_abort(conn);
    return FALSE;
}

gboolean
shape_drop(Rewrite *rewrite, GError **error)
{
    DbConn *conn = rewrite_apply_session(rewrite, error);
    g_autoptr(DbResult) statements = NULL;

    if (conn == NULL || !rewrite_begin(rewrite, conn, error))
        return FALSE;
    statements = db_query(conn, QUERY_SHAPE_DROP, DB_ARGS(rewrite->name), error);
    if (statements != NULL && shape_run_all(conn, statements, error) &&
        rewrite_note(rewrite, conn, "is_dropped = true, phase = NULL", error) && db_commit(conn, error))
        return TRUE;
    db_abort(conn);
    return FALSE;
}
