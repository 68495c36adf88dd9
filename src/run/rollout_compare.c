#include "run/rollout_compare.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "run/journal.h"
#include "run_queries.h"

#define CTID (-1) /* pg_attribute.attnum, which all tables have */

static void
key_source_free(gpointer data)
{
    KeySource *source = data;

    if (source == NULL)
        return;
    g_free(source->relation);
    g_free(source->key);
    g_free(source);
}

void
comparison_free(Comparison *comparison)
{
    if (comparison == NULL)
        return;
    g_clear_pointer(&comparison->sources, g_ptr_array_unref);
    g_free(comparison->count_sql);
    g_free(comparison->show_sql);
    g_free(comparison->search_path);
    g_free(comparison);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Comparison, comparison_free)

static Comparison *
comparison_new(const char *search_path)
{
    Comparison *comparison = g_new0(Comparison, 1);

    comparison->sources = g_ptr_array_new_with_free_func(key_source_free);
    comparison->search_path = g_strdup(search_path);
    return comparison;
}

gboolean
comparison_begin(DbConn *conn, const char *search_path, int timeout_ms, GError **error)
{
    return db_run(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", DB_NONE, error) &&
           db_set_local_ms(conn, "statement_timeout", timeout_ms, error) &&
           db_run(conn, "SELECT pg_catalog.set_config('search_path', $1, true)", DB_ARGS(search_path), error);
}

/* The source's relation and size; NULL where it is none to take a sample of, without an error. */
static KeySource *
key_source_find(DbConn *conn, gint64 relation, int attribute, GError **error)
{
    g_autofree char *oid = db_int_text(relation);
    g_autofree char *number = db_int_text(attribute);
    g_autoptr(DbResult) row = NULL;
    KeySource *source;

    if (relation == 0 || attribute == 0)
        return NULL;
    row = db_query(conn, QUERY_ROLLOUT_SOURCE, DB_ARGS(oid, number), error);
    if (row == NULL || db_rows(row) == 0 || !db_bool(row, 0, "is_sampled"))
        return NULL;
    source = g_new0(KeySource, 1);
    source->relation = g_strdup(db_text(row, 0, "relation"));
    source->key = sql_build("t.?", sql_raw(db_text(row, 0, "column_name")));
    source->pages = db_int(row, 0, "pages");
    source->rows = db_double(row, 0, "rows");
    return source;
}

/* What a query's columns are, without any of its rows. */
static DbResult *
describe(DbConn *conn, const char *query, GError **error)
{
    g_autofree char *sql = sql_build("SELECT q.* FROM (?\n) AS q LIMIT 0", sql_raw(query));

    return db_query(conn, sql, DB_NONE, error);
}

/* Two columns that shall say the same. */
typedef struct ColumnPair {
    char *old_type;
    char *new_type;
    gboolean old_collates;
    gboolean new_collates;
    gboolean is_key;
} ColumnPair;

static void
column_pair_clear(ColumnPair *pair)
{
    g_free(pair->old_type);
    g_free(pair->new_type);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ColumnPair, column_pair_clear)

static char *
type_oid(const DbResult *side, int column)
{
    gint64 oid;
    int modifier;

    db_column_type(side, column, &oid, &modifier);
    return db_int_text(oid);
}

static gboolean
find_pair(DbConn *conn, const DbResult *const sides[2], int column, ColumnPair *ret, GError **error)
{
    g_autofree char *old_oid = type_oid(sides[0], column);
    g_autofree char *new_oid = type_oid(sides[1], column);
    g_autoptr(DbResult) row = db_query(conn, QUERY_ROLLOUT_COMPARABLE, DB_ARGS(old_oid, new_oid), error);

    if (row == NULL)
        return FALSE;
    *ret = (ColumnPair){.old_type = g_strdup(db_text(row, 0, "old_type")),
                        .new_type = g_strdup(db_text(row, 0, "new_type")),
                        .old_collates = db_bool(row, 0, "old_collates"),
                        .new_collates = db_bool(row, 0, "new_collates"),
                        .is_key = db_bool(row, 0, "is_key")};
    return TRUE;
}

/* Whether the server compares values of these types: *ret_does. The transaction goes on. */
static gboolean
has_equality(DbConn *conn, const ColumnPair *pair, gboolean *ret_does, GError **error)
{
    g_autofree char *sql = sql_build("SELECT CAST(NULL AS ?) IS DISTINCT FROM CAST(NULL AS ?)", sql_raw(pair->old_type),
                                     sql_raw(pair->new_type));
    GError *why = NULL;

    if (!db_run(conn, "SAVEPOINT pgseam", DB_NONE, error))
        return FALSE;
    *ret_does = db_run(conn, sql, DB_NONE, &why);
    if (!*ret_does && !seam_error_is(why, SEAM_ERROR_SQL)) {
        g_propagate_error(error, why);
        return FALSE;
    }
    g_clear_error(&why);
    return db_run(conn, "ROLLBACK TO SAVEPOINT pgseam", DB_NONE, error);
}

/* A condition that the values differ. NULL with an error where they cannot be compared. The caller frees. */
static char *
difference(DbConn *conn, const DbResult *const sides[2], int column, GError **error)
{
    g_auto(ColumnPair) pair = {0};
    g_autofree char *old_value = NULL;
    g_autofree char *new_value = NULL;
    gboolean does = FALSE;

    if (!find_pair(conn, sides, column, &pair, error) || !has_equality(conn, &pair, &does, error))
        return NULL;
    old_value = sql_build("o.??", sql_raw("v"), sql_int(column));
    new_value = sql_build("n.??", sql_raw("v"), sql_int(column));
    if (does)
        return sql_build("?? IS DISTINCT FROM ??", sql_raw(old_value),
                         sql_raw(pair.old_collates ? " COLLATE pg_catalog.\"C\"" : ""), sql_raw(new_value),
                         sql_raw(pair.new_collates ? " COLLATE pg_catalog.\"C\"" : ""));
    if (strcmp(pair.old_type, pair.new_type) == 0)
        return sql_build("pg_catalog.record_image_ne(ROW(?), ROW(?))", sql_raw(old_value), sql_raw(new_value));
    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "column %d of the old query is %s and that of the new one %s: the server "
                   "does not compare these",
                   column + 1, pair.old_type, pair.new_type);
    seam_error_hint(error, "cast one of them in its query");
    return NULL;
}

/* "FALSE OR o.v1 IS DISTINCT FROM n.v1 OR ...". The caller frees. */
static char *
differences(DbConn *conn, const DbResult *const sides[2], GError **error)
{
    GString *out = g_string_new("o.key IS NULL OR n.key IS NULL");

    for (int i = 1; i < db_columns(sides[0]); i++) {
        g_autofree char *one = difference(conn, sides, i, error);

        if (one == NULL) {
            g_string_free(out, TRUE);
            return NULL;
        }
        g_string_append_printf(out, " OR %s", one);
    }
    return g_string_free(out, FALSE);
}

/* One side as a common table expression: its key as text, bytewise, and v1, v2 ... */
static char *
side_sql(const char *query, const char *key_type, int n_columns, gboolean by_key)
{
    g_autoptr(GString) columns = g_string_new("k");
    g_autoptr(GString) values = g_string_new(NULL);
    g_autofree char *where = NULL;
    SqlArg key;

    for (int i = 1; i < n_columns; i++) {
        g_string_append_printf(columns, ", v%d", i);
        g_string_append_printf(values, ", q.v%d", i);
    }
    /* Scale is no part of what a number says. */
    key = sql_raw(strcmp(key_type, "numeric") == 0 ? "pg_catalog.trim_scale(q.k)" : "q.k");
    where = by_key ? sql_build("q.k = ANY (CAST($1 AS ?[]))", sql_raw(key_type)) : g_strdup("q.k IS NOT NULL");
    return sql_build("MATERIALIZED (SELECT CAST(? AS text) COLLATE pg_catalog.\"C\" AS key? FROM (?\n) AS q (?) "
                     "WHERE ?)",
                     key, sql_raw(values->str), sql_raw(query), sql_raw(columns->str), sql_raw(where));
}

/* The values of a side as text, NULL where it has not got the key. */
static char *
shown_sql(const char *side, int n_columns)
{
    g_autoptr(GString) values = g_string_new(NULL);

    for (int i = 1; i < n_columns; i++)
        g_string_append_printf(values, "%s%s.v%d", i > 1 ? ", " : "", side, i);
    return sql_build("CASE WHEN ?.key IS NOT NULL THEN CAST(ROW(?) AS text) END", sql_raw(side), sql_raw(values->str));
}

static void
set_sql(Comparison *comparison, const char *sides, const char *differs, int n_columns)
{
    g_autofree char *old_side = shown_sql("o", n_columns);
    g_autofree char *new_side = shown_sql("n", n_columns);

    comparison->count_sql =
        sql_build("WITH ? SELECT pg_catalog.count(*) AS compared, pg_catalog.count(*) FILTER (WHERE ?) AS mismatches, "
                  "(SELECT pg_catalog.count(*) - pg_catalog.count(DISTINCT o.key) FROM o) "
                  "+ (SELECT pg_catalog.count(*) - pg_catalog.count(DISTINCT n.key) FROM n) AS doubled "
                  "FROM o FULL JOIN n ON n.key OPERATOR(pg_catalog.=) o.key",
                  sql_raw(sides), sql_raw(differs));
    comparison->show_sql =
        sql_build("WITH ? SELECT coalesce(o.key, n.key) AS key, CAST(NULL AS text) AS columns, ? AS old_side, "
                  "? AS new_side FROM o FULL JOIN n ON n.key OPERATOR(pg_catalog.=) o.key WHERE ? LIMIT ?",
                  sql_raw(sides), sql_raw(old_side), sql_raw(new_side), sql_raw(differs), sql_int(COMPARED_SHOWN));
}

/* Keys are drawn from both sides: what is missing on one is found from the other. If one of them cannot be drawn from,
 * all rows are compared. */
static gboolean
find_sources(DbConn *conn, const DbResult *const sides[2], Comparison *comparison, GError **error)
{
    for (int i = 0; i < 2; i++) {
        GError *why = NULL;
        KeySource *source;
        gint64 relation;
        int attribute;

        db_column_origin(sides[i], 0, &relation, &attribute);
        source = key_source_find(conn, relation, attribute, &why);
        if (why != NULL) {
            g_propagate_error(error, why);
            return FALSE;
        }
        if (source != NULL)
            g_ptr_array_add(comparison->sources, source);
    }
    if (comparison->sources->len < 2)
        g_ptr_array_set_size(comparison->sources, 0);
    return TRUE;
}

static gboolean
check_columns(const DbResult *const sides[2], const ColumnPair *key, GError **error)
{
    if (db_columns(sides[0]) != db_columns(sides[1]) || db_columns(sides[0]) == 0) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "the old query has %d columns and the new one %d",
                       db_columns(sides[0]), db_columns(sides[1]));
        seam_error_hint(error, "both give the key first, and then what shall be the same, in the same order");
        return FALSE;
    }
    if (key->is_key)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "the key is %s in the old query and %s in the new one", key->old_type,
                   key->new_type);
    seam_error_hint(error, "cast one of them in its query: CAST(id AS text)");
    return FALSE;
}

/* What keys of both sides are cast to when they are asked for: one that only the wider type can hold is missing on the
 * other side. */
static const char *
common_type(const ColumnPair *key)
{
    static const char *const integers[] = {"smallint", "integer", "bigint"};
    static const char *const texts[] = {"text", "character varying"};

    for (guint i = 0; i < G_N_ELEMENTS(integers); i++) {
        if (strcmp(key->old_type, integers[i]) == 0)
            return "bigint";
    }
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (strcmp(key->old_type, texts[i]) == 0)
            return "text";
    }
    return key->old_type;
}

static Comparison *
build(DbConn *conn, const RolloutPair *pair, const DbResult *const sides[2], gboolean is_whole, GError **error)
{
    g_autoptr(Comparison) comparison = comparison_new(pair->search_path);
    g_auto(ColumnPair) key = {0};
    g_autofree char *differs = NULL;
    g_autofree char *old_side = NULL;
    g_autofree char *new_side = NULL;
    g_autofree char *both = NULL;
    int n_columns = db_columns(sides[0]);

    if ((n_columns > 0 && db_columns(sides[1]) > 0 && !find_pair(conn, sides, 0, &key, error)) ||
        !check_columns(sides, &key, error) || (!is_whole && !find_sources(conn, sides, comparison, error)))
        return NULL;
    differs = differences(conn, sides, error);
    if (differs == NULL)
        return NULL;
    old_side = side_sql(pair->old_query, common_type(&key), n_columns, comparison->sources->len > 0);
    new_side = side_sql(pair->new_query, common_type(&key), n_columns, comparison->sources->len > 0);
    both = sql_build("o AS ?, n AS ?", sql_raw(old_side), sql_raw(new_side));
    set_sql(comparison, both, differs, n_columns);
    return g_steal_pointer(&comparison);
}

/* That the server understands what was made: a key without "=", for one. */
static gboolean
explain(DbConn *conn, const Comparison *comparison, GError **error)
{
    g_autofree char *sql = sql_build("EXPLAIN ?", sql_raw(comparison->count_sql));

    if (comparison->sources->len == 0)
        return db_run(conn, sql, DB_NONE, error);
    return db_run(conn, sql, DB_ARGS("{}"), error);
}

Comparison *
comparison_of_queries(DbConn *conn, const RolloutPair *pair, gboolean is_whole, GError **error)
{
    g_autoptr(DbResult) old_side = describe(conn, pair->old_query, error);
    g_autoptr(DbResult) new_side = old_side != NULL ? describe(conn, pair->new_query, error) : NULL;
    const DbResult *const sides[2] = {old_side, new_side};
    g_autoptr(Comparison) comparison = new_side != NULL ? build(conn, pair, sides, is_whole, error) : NULL;

    return comparison != NULL && explain(conn, comparison, error) ? g_steal_pointer(&comparison) : NULL;
}

static Comparison *
comparison_of_step(DbConn *conn, const Step *step, GError **error)
{
    g_autoptr(Comparison) comparison = comparison_new("");
    g_autofree char *name = sql_quote_name(step->schema, step->table);
    g_autoptr(DbResult) row =
        db_query(conn, "SELECT coalesce(pg_catalog.to_regclass($1)::oid, 0) AS oid", DB_ARGS(name), error);
    GError *why = NULL;
    KeySource *source;

    if (row == NULL)
        return NULL;
    source = key_source_find(conn, db_int(row, 0, "oid"), CTID, &why);
    if (why != NULL) {
        g_propagate_error(error, why);
        return NULL;
    }
    if (source == NULL) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "no sample can be taken of %s", name);
        return NULL;
    }
    g_ptr_array_add(comparison->sources, source);
    comparison->count_sql = g_strdup(step_get(step, PARAM_SAMPLE));
    comparison->show_sql = g_strdup(step_get(step, PARAM_SAMPLE_SHOW));
    return g_steal_pointer(&comparison);
}

static gboolean
check_gated(const JournalMigration *migration, gboolean must_be_gated, GError **error)
{
    if (!must_be_gated || migration->state == STATE_GATED)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s is not at its gate (%s): its two sides cannot be compared",
                   migration->name, state_name(migration->state));
    seam_error_hint(error, state_is_over(migration->state)
                               ? "`pgseam rollout compare` says what else is compared"
                               : "rows are still being filled, or one side is going: see `pgseam status`");
    return FALSE;
}

GPtrArray *
comparisons_of_migration(DbConn *conn, const char *name, gboolean must_be_gated, GError **error)
{
    g_autoptr(JournalMigration) migration = journal_find(conn, name, error);
    g_autoptr(Plan) plan = NULL;
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)comparison_free);

    if (migration == NULL || !check_gated(migration, must_be_gated, error))
        return NULL;
    plan = journal_plan(conn, migration->id, error);
    if (plan == NULL)
        return NULL;
    for (guint i = 0; i < plan->steps->len; i++) {
        const Step *step = g_ptr_array_index(plan->steps, i);
        Comparison *comparison;

        if (step_get(step, PARAM_SAMPLE) == NULL)
            continue;
        comparison = comparison_of_step(conn, step, error);
        if (comparison == NULL)
            return NULL;
        g_ptr_array_add(list, comparison);
    }
    if (list->len > 0)
        return g_steal_pointer(&list);
    seam_error_set(error, SEAM_ERROR_REFUSED, "migration %s has no two sides that could differ: no `up` and `down`",
                   name);
    seam_error_hint(error, "--old and --new take two queries; so it is, too, if an older pgseam has planned it");
    return NULL;
}
