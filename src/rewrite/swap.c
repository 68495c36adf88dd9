/*
 * Before the cut-over: whether it could be done, what it will lock, what the shadow is like.
 */
#include "rewrite/swap.h"

#include "base/error.h"
#include "base/sqltext.h"
#include "db/array.h"
#include "rewrite/dependants.h"
#include "rewrite/inventory.h"
#include "rewrite_queries.h"

/* The columns that the plan changes, for as long as there is no shadow to compare with. */
static GPtrArray *
planned_columns(const Rewrite *rewrite)
{
    GPtrArray *columns = g_ptr_array_new();
    const char *column;

    for (guint n = 1; rewrite->prepare != NULL; n++) {
        column = step_get_nth(rewrite->prepare, PARAM_MAP_COLUMN, n);
        if (column == NULL)
            break;
        g_ptr_array_add(columns, (gpointer)column);
    }
    return columns;
}

static Dependants *
read_dependants(const Rewrite *rewrite, DbConn *conn, gboolean is_back, GError **error)
{
    g_autoptr(GPtrArray) columns = planned_columns(rewrite);

    return is_back ? dependants_read(conn, rewrite->shadow_oid, rewrite->source_oid, columns, error)
                   : dependants_read(conn, rewrite->source_oid, rewrite->shadow_oid, columns, error);
}

static gboolean
check_itself(const Rewrite *rewrite, DbConn *conn, const char *name, GError **error)
{
    g_autofree char *oid = db_int_text(rewrite->is_swapped ? rewrite->shadow_oid : rewrite->source_oid);
    g_autoptr(DbResult) rows = db_query(
        conn, QUERY_SWAP_REFUSALS,
        DB_ARGS(oid, rewrite->slot != NULL ? rewrite->slot : "", rewrite->shadow_oid != 0 ? "true" : "false"), error);

    if (rows == NULL)
        return FALSE;
    if (db_rows(rows) == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "table %s cannot be rewritten online: %s", name,
                   db_text(rows, 0, "what"));
    if (db_rows(rows) > 1)
        seam_error_detail(error, "moreover: %s", db_text(rows, 1, "what"));
    seam_error_hint(error, "%s", db_text(rows, 0, "way"));
    return FALSE;
}

/* A foreign key needs a unique index on what it refers to, in the new table, too. */
static gboolean
check_keys(const Rewrite *rewrite, DbConn *conn, const char *name, GError **error)
{
    g_autofree char *source = db_int_text(rewrite->source_oid);
    g_autofree char *shadow = db_int_text(rewrite->shadow_oid);
    g_autoptr(DbResult) rows = db_query(conn, QUERY_SWAP_KEYLESS, DB_ARGS(source, shadow), error);

    if (rows == NULL)
        return FALSE;
    if (db_rows(rows) == 0)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "foreign key %s of %s refers to (%s) of table %s, on which the new table has no unique index",
                   db_text(rows, 0, "conname"), db_text(rows, 0, "child"), db_text(rows, 0, "columns"), name);
    seam_error_hint(error, "keep a unique constraint on these columns, or drop the foreign key before");
    return FALSE;
}

gboolean
swap_check(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *name = sql_quote_name(rewrite->schema, rewrite->table);
    g_autoptr(Dependants) dependants = NULL;

    if (!check_itself(rewrite, conn, name, error))
        return FALSE;
    dependants = read_dependants(rewrite, conn, rewrite->is_swapped, error);
    return dependants != NULL && dependants_check(dependants, name, error);
}

static void
merge_lock(Step *step, const char *schema, const char *name, LockMode mode, gboolean is_owned)
{
    const StepLock lock = {.schema = (char *)schema, .table = (char *)name, .mode = mode, .is_owned = is_owned};

    step_merge_lock(step, &lock);
}

static gboolean
is_view(const Dependant *dependant)
{
    return dependant->kind == DEPENDANT_VIEW_DROPPED || dependant->kind == DEPENDANT_VIEW_REPLACED;
}

/* LOCK TABLE of a view would lock what it reads, too: only the statement itself may take that lock. */
static void
add_dependant_lock(Step *step, const Dependant *dependant)
{
    gboolean may_be_view = is_view(dependant) || dependant->kind == DEPENDANT_RULE;

    if (dependant->schema != NULL)
        merge_lock(step, dependant->schema, dependant->name, LOCK_ACCESS_EXCLUSIVE, !may_be_view && dependant->is_ours);
}

gboolean
swap_add_locks(Rewrite *rewrite, DbConn *conn, SwapDirection direction, Step *step, GError **error)
{
    gboolean is_back = direction == SWAP_BACK;
    g_autofree char *outgoing = db_int_text(is_back ? rewrite->shadow_oid : rewrite->source_oid);
    g_autofree char *incoming = db_int_text(is_back ? rewrite->source_oid : rewrite->shadow_oid);
    g_autoptr(Dependants) dependants = read_dependants(rewrite, conn, is_back, error);
    g_autoptr(DbResult) rows = NULL;

    if (dependants == NULL)
        return FALSE;
    rows = db_query(conn, QUERY_SWAP_LOCKS, DB_ARGS(outgoing, incoming), error);
    if (rows == NULL)
        return FALSE;
    for (guint i = 0; i < dependants->all->len; i++)
        add_dependant_lock(step, g_ptr_array_index(dependants->all, i));
    for (int i = 0; i < db_rows(rows); i++) {
        gboolean is_sequence = db_bool(rows, i, "is_sequence");

        merge_lock(step, db_text(rows, i, "schema"), db_text(rows, i, "name"),
                   is_sequence && !db_bool(rows, i, "moves") ? LOCK_SHARE_ROW_EXCLUSIVE : LOCK_ACCESS_EXCLUSIVE,
                   !is_sequence && db_bool(rows, i, "is_ours"));
    }
    return TRUE;
}

gboolean
swap_lock_views(Rewrite *rewrite, DbConn *conn, SwapDirection direction, GError **error)
{
    g_autoptr(Dependants) dependants = read_dependants(rewrite, conn, direction == SWAP_BACK, error);

    /* Whoever uses a view on a view locks the upper one first. */
    for (guint i = dependants != NULL ? dependants->all->len : 0; i > 0; i--) {
        const Dependant *dependant = g_ptr_array_index(dependants->all, i - 1);
        g_autofree char *sql = is_view(dependant)
                                   ? sql_build("ALTER VIEW ? OWNER TO ?", sql_name(dependant->schema, dependant->name),
                                               sql_ident(dependant->owner))
                                   : NULL;

        if (sql != NULL && !db_run(conn, sql, DB_NONE, error))
            return FALSE;
    }
    return dependants != NULL;
}

/* What belongs to the shape, but to no ALTER TABLE. */
static gboolean
finish_shadow(const Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *source = db_int_text(rewrite->source_oid);
    g_autofree char *shadow = db_int_text(rewrite->shadow_oid);
    g_autoptr(GPtrArray) statements = g_ptr_array_new();
    g_autoptr(DbResult) rows = db_query(conn, QUERY_SWAP_FINISH, DB_ARGS(source, shadow), error);

    if (rows == NULL)
        return FALSE;
    for (int i = 0; i < db_rows(rows); i++)
        g_ptr_array_add(statements, (gpointer)db_text(rows, i, "sql"));
    return db_run_batch(conn, statements, error);
}

static gboolean
read_shape(const Rewrite *rewrite, DbConn *conn, gint64 oid, GPtrArray **ret_lines, GPtrArray **ret_texts,
           GError **error)
{
    *ret_lines = inventory_read(rewrite, conn, oid, NULL, error);
    *ret_texts = *ret_lines != NULL ? inventory_shape(*ret_lines) : NULL;
    return *ret_lines != NULL;
}

static gboolean
read_shapes(const Rewrite *rewrite, DbConn *conn, SwapShape *ret, GError **error)
{
    return read_shape(rewrite, conn, rewrite->source_oid, &ret->source_lines, &ret->source, error) &&
           read_shape(rewrite, conn, rewrite->shadow_oid, &ret->shadow_lines, &ret->shadow, error);
}

/* Definitions are printed with their schemas only under an empty path. */
gboolean
swap_read_shape(Rewrite *rewrite, DbConn *conn, SwapShape *ret, GError **error)
{
    g_autofree char *name = sql_quote_name(rewrite->schema, rewrite->table);
    g_autoptr(DbResult) path =
        db_query(conn, "SELECT pg_catalog.current_setting('search_path') AS path", DB_NONE, error);

    return path != NULL && db_run(conn, "SELECT pg_catalog.set_config('search_path', '', true)", DB_NONE, error) &&
           check_keys(rewrite, conn, name, error) && finish_shadow(rewrite, conn, error) &&
           read_shapes(rewrite, conn, ret, error) &&
           db_run(conn, "SELECT pg_catalog.set_config('search_path', $1, true)", DB_ARGS(db_text(path, 0, "path")),
                  error);
}

gboolean
swap_store_shape(Rewrite *rewrite, DbConn *conn, const SwapShape *shape, GError **error)
{
    g_autofree char *migration = db_int_text(rewrite->run->migration);
    g_autofree char *source = db_array_text(shape->source);
    g_autofree char *shadow = db_array_text(shape->shadow);

    return db_run(conn, QUERY_SWAP_SHAPE, DB_ARGS(migration, rewrite->name, source, shadow), error);
}

void
swap_shape_clear(SwapShape *shape)
{
    g_clear_pointer(&shape->source, g_ptr_array_unref);
    g_clear_pointer(&shape->shadow, g_ptr_array_unref);
    g_clear_pointer(&shape->source_lines, g_ptr_array_unref);
    g_clear_pointer(&shape->shadow_lines, g_ptr_array_unref);
}

static gboolean
is_among(const GPtrArray *texts, const char *text)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)texts, text, g_str_equal, NULL);
}

/* What was noted, and the indexes that are there now and were not then: somebody made them meanwhile, which is carried
 * over. The caller unrefs. */
static GPtrArray *
with_new_indexes(const GPtrArray *noted, const GPtrArray *now)
{
    GPtrArray *out = g_ptr_array_new();

    for (guint i = 0; i < noted->len; i++)
        g_ptr_array_add(out, g_ptr_array_index(noted, i));
    for (guint i = 0; i < now->len; i++) {
        gpointer text = g_ptr_array_index(now, i);

        if (g_str_has_prefix(text, "index ") && !is_among(noted, text))
            g_ptr_array_add(out, text);
    }
    return out;
}

static gboolean
check_noted(Rewrite *rewrite, DbConn *conn, const SwapShape *now, GError **error)
{
    g_autofree char *migration = db_int_text(rewrite->run->migration);
    g_autofree char *name = sql_quote_name(rewrite->schema, rewrite->table);
    g_autofree char *shadow_name = sql_quote_name(rewrite->name, rewrite->table);
    g_autoptr(DbResult) row =
        db_query(conn, "SELECT shape, shadow_shape FROM pgseam.rewrite WHERE migration_id = $1::bigint AND name = $2",
                 DB_ARGS(migration, rewrite->name), error);
    g_autoptr(GPtrArray) source = NULL;
    g_autoptr(GPtrArray) shadow = NULL;
    g_autoptr(GPtrArray) source_then = NULL;
    g_autoptr(GPtrArray) shadow_then = NULL;

    if (row == NULL)
        return FALSE;
    source = db_array(row, 0, "shape");
    shadow = db_array(row, 0, "shadow_shape");
    source_then = with_new_indexes(source, now->source);
    shadow_then = with_new_indexes(shadow, now->shadow);
    return inventory_check_shape(source_then, now->source, name, error) &&
           inventory_check_shape(shadow_then, now->shadow, shadow_name, error);
}

gboolean
swap_note_shape(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_auto(SwapShape) shape = {NULL, NULL, NULL, NULL};

    return swap_read_shape(rewrite, conn, &shape, error) && check_noted(rewrite, conn, &shape, error) &&
           swap_store_shape(rewrite, conn, &shape, error);
}

gboolean
swap_check_unchanged(Rewrite *rewrite, DbConn *conn, GError **error)
{
    g_autofree char *migration = db_int_text(rewrite->run->migration);
    g_autofree char *name = sql_quote_name(rewrite->schema, rewrite->table);
    g_autoptr(DbResult) row =
        db_query(conn, "SELECT shape, shadow_shape FROM pgseam.rewrite WHERE migration_id = $1::bigint AND name = $2",
                 DB_ARGS(migration, rewrite->name), error);
    g_autoptr(GPtrArray) noted = row != NULL ? db_array(row, 0, rewrite->is_swapped ? "shadow_shape" : "shape") : NULL;
    g_autoptr(GPtrArray) lines = NULL;
    g_autoptr(GPtrArray) texts = NULL;

    return noted != NULL &&
           read_shape(rewrite, conn, rewrite->is_swapped ? rewrite->shadow_oid : rewrite->source_oid, &lines, &texts,
                      error) &&
           inventory_check_shape(noted, texts, name, error);
}
