#include "rewrite/compare_sql.h"

#include "base/error.h"
#include "base/sqltext.h"

#define END_OF_TABLE G_GINT64_CONSTANT(4294967294) /* MaxBlockNumber: storage/block.h */

static void
append(GString *list, const char *item)
{
    g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", item);
}

static const CompareType *
type_of(GHashTable *types, const char *column, const Flow *flow, GError **error)
{
    const CompareType *type = g_hash_table_lookup(types, column);

    if (type == NULL)
        seam_error_set(error, SEAM_ERROR_DRIFT, "column %s of %s is not there any more", column, flow->target);
    return type;
}

/* What a row's value becomes on its way: the cast of flow_select(), then the modifier as the target's input applies it.
 */
static char *
value_in_source(const FlowColumn *column)
{
    return column->is_plain ? g_strdup(column->expr)
                            : sql_build("CAST(CAST((?) AS ?) AS ?)", sql_raw(column->expr), sql_raw(column->relay_type),
                                        sql_raw(column->type));
}

static void
append_column(CompareSql *sql, CompareSide side, const CompareType *type, const char *value)
{
    g_autofree char *form = compare_form_sql(type, value);
    g_autofree char *hash = sql_build("pg_catalog.hash_record_extended(ROW(?), 0)", sql_raw(form));

    append(sql->row[side], form);
    append(sql->hashes[side], hash);
}

static gboolean
add_columns(CompareSql *sql, const Flow *flow, GHashTable *types, GError **error)
{
    for (guint i = 0; i < flow->columns->len; i++) {
        const FlowColumn *column = g_ptr_array_index(flow->columns, i);
        const CompareType *type = type_of(types, column->name, flow, error);
        g_autofree char *source = value_in_source(column);
        g_autofree char *target = sql_quote_ident(column->name);

        if (type == NULL)
            return FALSE;
        append_column(sql, COMPARE_SOURCE, type, source);
        append_column(sql, COMPARE_TARGET, type, target);
    }
    return TRUE;
}

static void
append_key(CompareSql *sql, CompareSide side, const CompareType *type, const char *value)
{
    g_autofree char *form = compare_form_sql(type, value);
    g_autofree char *text = sql_build("CAST((?) AS pg_catalog.text)", sql_raw(value));

    append(sql->key[side], form);
    append(sql->shown[side], text);
}

static gboolean
add_keys(CompareSql *sql, const Flow *flow, GHashTable *types, GError **error)
{
    for (guint i = 0; i < flow->keys->len; i++) {
        const FlowKey *key = g_ptr_array_index(flow->keys, i);
        const CompareType *type = type_of(types, key->target, flow, error);
        g_autofree char *target = sql_quote_ident(key->target);

        if (type == NULL)
            return FALSE;
        append_key(sql, COMPARE_SOURCE, type, key->image);
        append_key(sql, COMPARE_TARGET, type, target);
    }
    /* The dirty table's columns are called as the source's. */
    sql->dirty = sql_build("SELECT pg_catalog.hash_record_extended(ROW(?), 0) AS pgseam_k FROM ? AS dirty",
                           sql_raw(sql->key[COMPARE_SOURCE]->str), sql_raw(flow->dirty));
    return TRUE;
}

CompareSql *
compare_sql_new(const Flow *flow, GHashTable *types, GError **error)
{
    g_autoptr(CompareSql) sql = g_new0(CompareSql, 1);

    for (int side = 0; side < COMPARE_SIDES; side++) {
        sql->relation[side] = g_strdup(side == COMPARE_SOURCE ? flow->source : flow->target);
        sql->key[side] = g_string_new(NULL);
        sql->row[side] = g_string_new(NULL);
        sql->shown[side] = g_string_new(NULL);
        sql->hashes[side] = g_string_new(NULL);
    }
    if (!add_columns(sql, flow, types, error) || !add_keys(sql, flow, types, error))
        return NULL;
    return g_steal_pointer(&sql);
}

void
compare_sql_free(CompareSql *sql)
{
    if (sql == NULL)
        return;
    for (int side = 0; side < COMPARE_SIDES; side++) {
        g_free(sql->relation[side]);
        g_string_free(sql->key[side], TRUE);
        g_string_free(sql->row[side], TRUE);
        g_string_free(sql->shown[side], TRUE);
        g_string_free(sql->hashes[side], TRUE);
    }
    g_free(sql->dirty);
    g_free(sql);
}

/* The key's hash is computed first, and once: OFFSET 0 keeps the planner from moving it into the places that use it. A
 * TID range scan reads no other block (from 14 on). */
static char *
rows_in_blocks(const CompareSql *sql, CompareSide side, gint64 first, gint64 end)
{
    g_autofree char *from = db_tid_text(first, 0);
    g_autofree char *to = db_tid_text(end, 0);

    return sql_build("SELECT pg_catalog.hash_record_extended(ROW(?), 0) AS pgseam_k, t.* FROM ONLY ? AS t WHERE t.ctid "
                     "OPERATOR(pg_catalog.>=) ?::pg_catalog.tid AND t.ctid OPERATOR(pg_catalog.<) ?::pg_catalog.tid "
                     "OFFSET 0",
                     sql_raw(sql->key[side]->str), sql_raw(sql->relation[side]), sql_literal(from), sql_literal(to));
}

static void
append_condition(GString *where, char *condition)
{
    g_string_append(where, where->len == 0 ? " WHERE " : " AND ");
    g_string_append(where, condition);
    g_free(condition);
}

/* hashint8extended() with a number as its seed makes any number of ways to spread the same keys over buckets. */
static char *
bucket_of(guint number, guint buckets)
{
    return sql_build("(pg_catalog.hashint8extended(s.pgseam_k, ?) OPERATOR(pg_catalog.&) ?)", sql_int(number),
                     sql_int((gint64)buckets - 1));
}

static char *
conditions(const CompareSql *sql, const CompareRange *range)
{
    GString *where = g_string_new(NULL);

    for (guint i = 0; i < range->n_filters; i++) {
        g_autofree char *bucket = bucket_of(i, range->buckets[i]);

        append_condition(where, sql_build("pg_catalog.get_bit($?::pg_catalog.bytea, ?) OPERATOR(pg_catalog.=) 1",
                                          sql_int((gint64)i + 1), sql_raw(bucket)));
    }
    if (range->keys_parameter != 0)
        append_condition(where, sql_build("s.pgseam_k OPERATOR(pg_catalog.=) ANY ($?::pg_catalog.int8[])",
                                          sql_int(range->keys_parameter)));
    if (range->leaves_out_dirty)
        append_condition(where, sql_build("NOT EXISTS (SELECT FROM (?) AS d WHERE d.pgseam_k OPERATOR(pg_catalog.=) "
                                          "s.pgseam_k)",
                                          sql_raw(sql->dirty)));
    return g_string_free(where, FALSE);
}

char *
compare_sql_scan(const CompareSql *sql, CompareSide side, const CompareRange *range, guint number, guint buckets)
{
    g_autofree char *rows = rows_in_blocks(sql, side, range->first_block, range->end_block);
    g_autofree char *where = conditions(sql, range);
    g_autofree char *bucket = bucket_of(number, buckets);

    return sql_build("SELECT ? AS b, pg_catalog.bit_xor(pg_catalog.hash_record_extended(ROW(?), s.pgseam_k)) AS x, "
                     "pg_catalog.count(*) AS n FROM (?) AS s? GROUP BY 1",
                     sql_raw(bucket), sql_raw(sql->row[side]->str), sql_raw(rows), sql_raw(where));
}

char *
compare_sql_list(const CompareSql *sql, CompareSide side, const CompareRange *range)
{
    g_autofree char *rows = rows_in_blocks(sql, side, range->first_block, range->end_block);
    g_autofree char *where = conditions(sql, range);

    return sql_build("SELECT s.pgseam_k AS k, pg_catalog.hash_record_extended(ROW(?), s.pgseam_k) AS h FROM (?) AS s?",
                     sql_raw(sql->row[side]->str), sql_raw(rows), sql_raw(where));
}

char *
compare_sql_show(const CompareSql *sql, CompareSide side)
{
    g_autofree char *rows = rows_in_blocks(sql, side, 0, END_OF_TABLE);

    return sql_build(
        "SELECT s.pgseam_k AS k, ARRAY[?]::pg_catalog.text[] AS shown, ARRAY[?]::pg_catalog.int8[] AS hashes "
        "FROM (?) AS s WHERE s.pgseam_k OPERATOR(pg_catalog.=) ANY ($1::pg_catalog.int8[])",
        sql_raw(sql->shown[side]->str), sql_raw(sql->hashes[side]->str), sql_raw(rows));
}

char *
compare_sql_dirty(const CompareSql *sql)
{
    return sql_build("SELECT DISTINCT d.pgseam_k AS k FROM (?) AS d WHERE d.pgseam_k OPERATOR(pg_catalog.=) "
                     "ANY ($1::pg_catalog.int8[])",
                     sql_raw(sql->dirty));
}
