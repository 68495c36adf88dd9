#include "rewrite/flow_read.h"

#include <string.h>

#include "base/error.h"
#include "base/sqltext.h"
#include "db/array.h"
#include "rewrite_queries.h"

/* Both ends of a flow, as parameters. */
typedef struct Ends {
    const Rewrite *rewrite;
    FlowDirection direction;
    char source[32];
    char target[32];
} Ends;

/* The expression that the plan gives for a column whose value is another one: NULL where it gives none. *ret_is_mapped:
 * the plan knows the column, so a cast is meant where there is no expression. */
static const char *
mapped(const Ends *ends, const char *column, gboolean *ret_is_mapped)
{
    const Step *prepare = ends->rewrite->prepare;
    const char *name;

    *ret_is_mapped = FALSE;
    for (guint n = 1; (name = step_get_nth(prepare, PARAM_MAP_COLUMN, n)) != NULL; n++) {
        const char *sql = step_get_nth(prepare, ends->direction == FLOW_FORWARD ? PARAM_MAP_UP : PARAM_MAP_DOWN, n);

        if (strcmp(name, column) != 0)
            continue;
        *ret_is_mapped = TRUE;
        return sql != NULL && sql[0] != '\0' ? sql : NULL;
    }
    return NULL;
}

static void
add_column(Flow *flow, const Ends *ends, const DbResult *rows, int i)
{
    FlowColumn *column = g_new0(FlowColumn, 1);
    const char *name = db_text(rows, i, "name");
    gboolean is_mapped;
    const char *sql = mapped(ends, name, &is_mapped);

    column->name = g_strdup(name);
    column->type = g_strdup(db_text(rows, i, "type"));
    column->relay_type = g_strdup(db_text(rows, i, "relay_type"));
    column->expr = sql != NULL ? g_strdup(sql) : sql_quote_ident(name);
    column->is_plain = sql == NULL && db_bool(rows, i, "is_same");
    flow->is_binary &= db_bool(rows, i, "is_binary");
    g_ptr_array_add(flow->columns, column);
}

static void
add_generated(Flow *flow, const DbResult *rows, int i)
{
    FlowColumn *column = g_new0(FlowColumn, 1);

    column->name = g_strdup(db_text(rows, i, "name"));
    column->type = g_strdup(db_text(rows, i, "type"));
    column->relay_type = g_strdup(db_text(rows, i, "relay_type"));
    column->expr = g_strdup(db_text(rows, i, "generation"));
    g_ptr_array_add(flow->generated, column);
}

static gboolean
read_columns(Flow *flow, const Ends *ends, GError **error)
{
    g_autoptr(DbResult) rows =
        db_query(ends->rewrite->run->control, QUERY_FLOW_COLUMNS, DB_ARGS(ends->source, ends->target), error);

    if (rows == NULL)
        return FALSE;
    flow->is_binary = TRUE;
    for (int i = 0; i < db_rows(rows); i++) {
        if (db_bool(rows, i, "is_generated"))
            add_generated(flow, rows, i);
        else if (db_bool(rows, i, "has_source"))
            add_column(flow, ends, rows, i);
    }
    return TRUE;
}

static const FlowColumn *
find_column(const Flow *flow, const char *name)
{
    for (guint i = 0; i < flow->columns->len; i++) {
        const FlowColumn *column = g_ptr_array_index(flow->columns, i);

        if (strcmp(column->name, name) == 0)
            return column;
    }
    return NULL;
}

/* The way from the target's key back to the source's: the plan's expression for the other direction, or a cast. */
static char *
way_back(const Ends *ends, const char *name, const char *type)
{
    Ends other = {ends->rewrite, ends->direction == FLOW_FORWARD ? FLOW_REVERSE : FLOW_FORWARD, "", ""};
    gboolean is_mapped;
    gboolean is_computed = mapped(ends, name, &is_mapped) != NULL;
    const char *sql = mapped(&other, name, &is_mapped);

    if (sql != NULL)
        return sql_build("CAST((?) AS ?)", sql_raw(sql), sql_raw(type));
    return is_computed ? NULL : sql_build("CAST(? AS ?)", sql_ident(name), sql_raw(type));
}

/* Changes of type that keep apart what is apart, and come back as it was. The others are looked at row by row. */
static gboolean
is_lossless(const char *from, const char *to)
{
    static const char *const pairs[][2] = {
        {"smallint", "integer"}, {"smallint", "bigint"},
        {"smallint", "numeric"}, {"integer", "bigint"},
        {"integer", "numeric"},  {"bigint", "numeric"},
        {"uuid", "text"},        {"date", "timestamp without time zone"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
        if (strcmp(from, pairs[i][0]) == 0 && strcmp(to, pairs[i][1]) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean
add_key(Flow *flow, const Ends *ends, const DbResult *rows, int i, GError **error)
{
    const char *name = db_text(rows, i, "name");
    const FlowColumn *column = find_column(flow, name);
    gboolean is_mapped;
    FlowKey *key;

    if (column == NULL || db_text(rows, i, "equal") == NULL || db_text(rows, i, "target_equal") == NULL) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "column \"%s\" of the key of %s %s", name, flow->source,
                       column == NULL ? "is not in the new shape of the table" : "has a type that cannot be compared");
        seam_error_hint(error, "give the table a key whose columns stay");
        return FALSE;
    }
    key = g_new0(FlowKey, 1);
    key->name = g_strdup(name);
    key->type = g_strdup(db_text(rows, i, "type"));
    key->target = g_strdup(name);
    key->target_type = g_strdup(db_text(rows, i, "target_type"));
    key->image = sql_build("CAST((?) AS ?)", sql_raw(column->expr), sql_raw(key->target_type));
    key->equal = g_strdup(db_text(rows, i, "equal"));
    key->target_equal = g_strdup(db_text(rows, i, "target_equal"));
    key->back = way_back(ends, name, key->type);
    key->is_cast =
        !column->is_plain && (mapped(ends, name, &is_mapped) != NULL || !is_lossless(key->type, key->target_type));
    g_ptr_array_add(flow->keys, key);
    if (!key->is_cast || key->back != NULL)
        return TRUE;
    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "column \"%s\" of the key of %s is computed anew, and its way back is not known", name,
                   flow->source);
    seam_error_hint(error, "say it above the statement: -- pgseam: down %s = <expression>", name);
    return FALSE;
}

static gboolean
read_keys(Flow *flow, const Ends *ends, GError **error)
{
    g_autoptr(DbResult) oid = db_query(ends->rewrite->run->control, "SELECT pg_catalog.to_regclass($1)::oid AS oid",
                                       DB_ARGS(flow->dirty), error);
    g_autoptr(DbResult) rows = oid != NULL ? db_query(ends->rewrite->run->control, QUERY_FLOW_KEYS,
                                                      DB_ARGS(db_text(oid, 0, "oid"), ends->target), error)
                                           : NULL;

    if (rows == NULL)
        return FALSE;
    if (db_rows(rows) == 0) {
        seam_error_set(error, SEAM_ERROR_DRIFT, "the table of dirty keys %s is not there", flow->dirty);
        seam_error_hint(error, "somebody dropped it: `pgseam rollback`, then begin again");
        return FALSE;
    }
    for (int i = 0; i < db_rows(rows); i++) {
        if (!add_key(flow, ends, rows, i, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
read_uniques(Flow *flow, const Ends *ends, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *columns = NULL;
    g_autoptr(DbResult) rows = NULL;

    for (guint i = 0; i < flow->keys->len; i++)
        g_ptr_array_add(names, ((const FlowKey *)g_ptr_array_index(flow->keys, i))->target);
    columns = db_array_text(names);
    rows = db_query(ends->rewrite->run->control, QUERY_FLOW_UNIQUES, DB_ARGS(ends->target, columns), error);
    if (rows == NULL)
        return FALSE;
    for (int i = 0; i < db_rows(rows); i++) {
        FlowUnique *unique = g_new0(FlowUnique, 1);

        unique->index = g_strdup(db_text(rows, i, "name"));
        unique->parts = db_array(rows, i, "parts");
        unique->operators = db_array(rows, i, "operators");
        unique->predicate = g_strdup(db_text(rows, i, "predicate"));
        unique->nulls_not_distinct = db_bool(rows, i, "nulls_not_distinct");
        g_ptr_array_add(flow->uniques, unique);
    }
    return TRUE;
}

Flow *
flow_read(Rewrite *rewrite, FlowDirection direction, GError **error)
{
    g_autoptr(Flow) flow = flow_new();
    gboolean is_forward = direction == FLOW_FORWARD;
    Ends ends = {rewrite, direction, "", ""};

    flow->source_oid = is_forward ? rewrite->source_oid : rewrite->shadow_oid;
    flow->target_oid = is_forward ? rewrite->shadow_oid : rewrite->source_oid;
    flow->source = rewrite_source_name(rewrite);
    flow->target = rewrite_shadow_name(rewrite);
    flow->dirty = rewrite_own_name(rewrite, is_forward ? REWRITE_DIRTY : REWRITE_REVERSE);
    g_snprintf(ends.source, sizeof(ends.source), "%" G_GINT64_FORMAT, flow->source_oid);
    g_snprintf(ends.target, sizeof(ends.target), "%" G_GINT64_FORMAT, flow->target_oid);
    if (!read_columns(flow, &ends, error) || !read_keys(flow, &ends, error) || !read_uniques(flow, &ends, error))
        return NULL;
    return g_steal_pointer(&flow);
}
