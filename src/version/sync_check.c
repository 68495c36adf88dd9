#include "base/sqltext.h"
#include "version/sync_body.h"
#include "version/sync_guard.h"

/* ARRAY of the functions' names, as literals. */
static char *
function_array(const SyncTable *table)
{
    g_autoptr(GPtrArray) names = sync_function_names(table);
    GString *out = g_string_new("CAST(ARRAY[");

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *one = sql_build("?", sql_literal(g_ptr_array_index(names, i)));

        g_string_append_printf(out, "%s%s", i > 0 ? ", " : "", one);
    }
    g_string_append(out, "] AS pg_catalog.name[])");
    return g_string_free(out, FALSE);
}

/* A digest of all functions as the server has them: parsed bodies, text bodies, what decides how they run. */
static char *
digest_sql(const SyncTable *table)
{
    g_autofree char *names = function_array(table);

    return sql_build("SELECT 'pgseam ' || pg_catalog.md5(pg_catalog.string_agg(pg_catalog.concat_ws('|', p.proname, "
                     "p.prosrc, p.prosqlbody, p.provolatile, p.prosecdef, p.proconfig, p.proargtypes, p.prorettype), "
                     "'|' ORDER BY p.proname)) FROM pg_catalog.pg_proc AS p "
                     "JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace "
                     "WHERE n.nspname = ? AND p.proname = ANY (?)",
                     sql_literal(table->own_schema), sql_raw(names));
}

char *
sync_seal_sql(const SyncTable *table)
{
    g_autofree char *digest = digest_sql(table);
    g_autofree char *name = sync_function_name(table, NULL, "last");
    g_autofree char *comment = sql_build("COMMENT ON FUNCTION ? IS ", sql_name(table->own_schema, name));
    g_autofree char *block =
        sql_build("BEGIN EXECUTE ? || pg_catalog.quote_literal((?)); END", sql_literal(comment), sql_raw(digest));

    return sql_build("DO ?", sql_literal(block));
}

char *
sync_verify_functions_sql(const SyncTable *table)
{
    g_autofree char *digest = digest_sql(table);
    g_autofree char *name = sync_function_name(table, NULL, "last");
    g_autofree char *body = sync_body(table, table->has_user_triggers ? SYNC_LAST : SYNC_ALONE);

    return sql_build("SELECT EXISTS (SELECT FROM pg_catalog.pg_proc AS p "
                     "JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace "
                     "WHERE n.nspname = ? AND p.proname = ? AND p.prosrc = ? "
                     "AND pg_catalog.obj_description(p.oid, 'pg_proc') = (?))",
                     sql_literal(table->own_schema), sql_literal(name), sql_literal(body), sql_raw(digest));
}

/* One trigger, as made. 23: BEFORE, ROW, INSERT and UPDATE (src/include/catalog/pg_trigger.h). Those of partitions have
 * states of their own. */
static char *
trigger_is_there(const SyncTable *table, const char *trigger, const char *purpose)
{
    g_autofree char *name = sync_function_name(table, NULL, purpose);

    return sql_build(
        "EXISTS (SELECT FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_class AS c ON c.oid = g.tgrelid "
        "JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace "
        "JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid "
        "JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace "
        "WHERE s.nspname = ? AND c.relname = ? AND g.tgname = ? AND n.nspname = ? AND p.proname = ? "
        "AND g.tgtype = 23 AND g.tgqual IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS e "
        "WHERE e.tgfoid = g.tgfoid AND e.tgenabled <> 'A'))",
        sql_literal(table->schema), sql_literal(table->table), sql_literal(trigger), sql_literal(table->own_schema),
        sql_literal(name));
}

char *
sync_verify_triggers_sql(const SyncTable *table)
{
    g_autofree char *last = trigger_is_there(table, table->last_trigger, "last");
    g_autofree char *first = NULL;

    if (!table->has_user_triggers)
        return sql_build("SELECT ?", sql_raw(last));
    first = trigger_is_there(table, table->first_trigger, "first");
    return sql_build("SELECT ? AND ?", sql_raw(first), sql_raw(last));
}

char *
sync_intruders_sql(const SyncTable *table)
{
    const char *first = table->has_user_triggers ? table->first_trigger : table->last_trigger;

    return sql_build("SELECT DISTINCT g.tgname AS name FROM pg_catalog.pg_class AS c "
                     "JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace "
                     "JOIN pg_catalog.pg_trigger AS g ON g.tgrelid = c.oid "
                     "OR g.tgrelid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) AS t) "
                     "JOIN pg_catalog.pg_proc AS p ON p.oid = g.tgfoid "
                     "JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace "
                     "WHERE s.nspname = ? AND c.relname = ? AND n.nspname <> ? AND g.tgenabled <> 'D' "
                     "AND g.tgtype & 3 = 3 AND g.tgtype & 20 <> 0 "
                     "AND (g.tgname >= ? OR ? OR g.tgname <= ?) ORDER BY 1",
                     sql_literal(table->schema), sql_literal(table->table), sql_literal(table->own_schema),
                     sql_literal(table->last_trigger), sql_raw(table->has_user_triggers ? "FALSE" : "TRUE"),
                     sql_literal(first));
}

/* The condition of a group that has one way only: what must not be NULL is. Another NULL may be what somebody wrote.
 * NULL: it has none. */
static char *
unfilled(const SyncGroup *group)
{
    g_autoptr(GPtrArray) must = g_ptr_array_new();
    g_autofree char *row = NULL;

    for (guint i = 0; i < group->new_columns->len; i++) {
        SyncColumn *column = g_ptr_array_index(group->new_columns, i);

        if (group->kind == SYNC_FILL || column->is_not_null)
            g_ptr_array_add(must, column);
    }
    if (must->len == 0)
        return NULL;
    row = sync_list(must, "t");
    return sql_build("pg_catalog.num_nulls(?) > 0", sql_raw(row));
}

/* The condition of a group's mismatch; NULL: it has none. */
static char *
group_mismatch(const SyncTable *table, const SyncGroup *group)
{
    g_autoptr(GPtrArray) downs = sync_made(group->old_columns);
    g_autoptr(GPtrArray) ups = sync_made(group->new_columns);
    g_autofree char *up = NULL;
    g_autofree char *down = NULL;
    g_autofree char *new_side = NULL;
    g_autofree char *old_side = NULL;

    if (ups->len == 0 || downs->len == 0)
        return unfilled(group);
    up = sync_differs_from_made(table, ups);
    down = sync_differs_from_made(table, downs);
    new_side = sync_missing_new(table, group);
    old_side = sync_missing_old(table, group);
    if (new_side == NULL && old_side == NULL)
        return sql_build("(? AND ?)", sql_raw(up), sql_raw(down));
    return sql_build("(? AND ? AND NOT ? AND NOT ?)", sql_raw(up), sql_raw(down),
                     sql_raw(new_side != NULL ? new_side : "FALSE"), sql_raw(old_side != NULL ? old_side : "FALSE"));
}

char *
sync_mismatch_sql(const SyncTable *table, const char *where)
{
    g_autoptr(GString) any = g_string_new("FALSE");

    for (guint i = 0; i < table->groups->len; i++) {
        g_autofree char *one = group_mismatch(table, g_ptr_array_index(table->groups, i));

        if (one != NULL)
            g_string_append_printf(any, " OR %s", one);
    }
    return sql_build("SELECT pg_catalog.count(*) AS mismatches FROM ? AS t WHERE (?) AND (?)",
                     sql_name(table->schema, table->table), sql_raw(where != NULL ? where : "TRUE"), sql_raw(any->str));
}

/* As text: ROW(..)::text of the columns, '' where there are none. */
static char *
shown(const GPtrArray *columns)
{
    g_autofree char *row = sync_row(columns, "t");

    return sql_build("CAST(? AS text)", sql_raw(row));
}

static char *
show_group(const SyncTable *table, const SyncGroup *group, const char *key, const char *where)
{
    g_autofree char *mismatch = group_mismatch(table, group);
    g_autofree char *old_side = NULL;
    g_autofree char *new_side = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *columns = NULL;

    if (mismatch == NULL)
        return NULL;
    old_side = shown(group->old_columns);
    new_side = shown(group->new_columns);
    for (guint i = 0; i < group->old_columns->len; i++)
        g_ptr_array_add(names, ((SyncColumn *)g_ptr_array_index(group->old_columns, i))->name);
    for (guint i = 0; i < group->new_columns->len; i++)
        g_ptr_array_add(names, ((SyncColumn *)g_ptr_array_index(group->new_columns, i))->name);
    columns = sql_quote_list(names);
    return sql_build("SELECT ? AS key, ? AS columns, ? AS old_side, ? AS new_side FROM ? AS t WHERE (?) AND ?",
                     sql_raw(key), sql_literal(columns), sql_raw(old_side), sql_raw(new_side),
                     sql_name(table->schema, table->table), sql_raw(where != NULL ? where : "TRUE"), sql_raw(mismatch));
}

char *
sync_mismatch_show_sql(const SyncTable *table, const GPtrArray *keys, const char *where, guint limit)
{
    g_autoptr(GString) all =
        g_string_new("SELECT '' AS key, '' AS columns, '' AS old_side, '' AS new_side WHERE FALSE");
    g_autofree char *row = sync_name_row(keys, "t");
    g_autofree char *key_row = sql_build("CAST(? AS text)", sql_raw(row));

    for (guint i = 0; i < table->groups->len; i++) {
        g_autofree char *one = show_group(table, g_ptr_array_index(table->groups, i), key_row, where);

        if (one != NULL)
            g_string_append_printf(all, " UNION ALL %s", one);
    }
    return sql_build("? LIMIT ?", sql_raw(all->str), sql_int(limit));
}

/* Rows that miss a side of some group; NULL: there is no quarantine. */
static char *
any_missing(const SyncTable *table)
{
    g_autoptr(GString) any = g_string_new(NULL);

    for (guint i = 0; i < table->groups->len; i++) {
        const SyncGroup *group = g_ptr_array_index(table->groups, i);
        g_autofree char *new_side = sync_missing_new(table, group);
        g_autofree char *old_side = sync_missing_old(table, group);

        if (new_side != NULL)
            g_string_append_printf(any, "%s%s", any->len > 0 ? " OR " : "", new_side);
        if (old_side != NULL)
            g_string_append_printf(any, "%s%s", any->len > 0 ? " OR " : "", old_side);
    }
    return any->len > 0 ? g_strdup(any->str) : NULL;
}

char *
sync_sample_sql(const SyncTable *table)
{
    g_autofree char *mismatches = sync_mismatch_sql(table, SYNC_SAMPLE_WHERE);
    g_autofree char *missing = any_missing(table);
    SqlArg name = sql_name(table->schema, table->table);

    if (missing == NULL)
        return sql_build("SELECT (SELECT pg_catalog.count(*) FROM ? AS t WHERE ?) AS compared, (?) AS mismatches", name,
                         sql_raw(SYNC_SAMPLE_WHERE), sql_raw(mismatches));
    return sql_build("SELECT s.compared, (?) AS mismatches, 0 AS doubled, s.failed FROM (SELECT pg_catalog.count(*) "
                     "FILTER (WHERE NOT s.is_missing) AS compared, pg_catalog.count(*) FILTER (WHERE s.is_missing) AS "
                     "failed FROM (SELECT ? AS is_missing FROM ? AS t WHERE ?) AS s) AS s",
                     sql_raw(mismatches), sql_raw(missing), name, sql_raw(SYNC_SAMPLE_WHERE));
}
