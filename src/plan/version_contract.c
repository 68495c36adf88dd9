/*
 * The steps by which columns of both versions are kept in step, and by which that ends.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "base/units.h"
#include "plan/version_plan.h"
#include "plan/version_twin.h"

#define SHOWN 5

static const VersionTable *
first_kept(const GPtrArray *tables)
{
    for (guint i = 0; i < tables->len; i++) {
        const VersionTable *table = g_ptr_array_index(tables, i);

        if (table->sync != NULL)
            return table;
    }
    return NULL;
}

/* Its lines are for whoever writes; what only they know of the new side outlives it in the journal. */
static void
add_quarantine(const PlanContext *ctx, Step *step, const char *own_schema)
{
    g_autoptr(GPtrArray) statements = sync_quarantine_sql(own_schema, ctx->plan->migration);

    for (guint i = 0; i < statements->len; i++)
        step_append(step, PARAM_MORE, g_strdup(g_ptr_array_index(statements, i)));
    step_append(step, PARAM_UNDO, sync_quarantine_keep_rest_sql(own_schema, ctx->plan->migration));
    step_append(step, PARAM_UNDO, sql_build("DROP TABLE ?", sql_name(own_schema, SYNC_QUARANTINE)));
    step_add_undo_lock(step, own_schema, SYNC_QUARANTINE, LOCK_ACCESS_EXCLUSIVE, FALSE);
}

void
version_plan_own(PlanContext *ctx, const GPtrArray *tables)
{
    const VersionTable *first = first_kept(tables);
    g_autofree char *quoted = NULL;
    g_autofree char *verify = NULL;
    Step *step;

    if (first == NULL)
        return;
    quoted = sql_quote_ident(first->sync->own_schema);
    verify = sql_build("SELECT pg_catalog.to_regnamespace(?) IS NOT NULL", sql_literal(quoted));
    step = version_step(ctx, PHASE_EXPAND, STEP_DDL_RUN, first->stmt, NULL);
    step->sql = sql_build("CREATE SCHEMA ?", sql_raw(quoted));
    step->why = g_strdup("the functions that compute one version's columns from the other's, for whoever writes");
    step_append(step, PARAM_MORE, sql_build("GRANT USAGE ON SCHEMA ? TO PUBLIC", sql_raw(quoted)));
    if (sync_has_quarantine(first->sync))
        add_quarantine(ctx, step, first->sync->own_schema);
    step_append(step, PARAM_UNDO, sql_build("DROP SCHEMA ?", sql_raw(quoted)));
    step_set(step, PARAM_VERIFY, verify);
}

void
version_undo_all(Step *step, const GPtrArray *statements)
{
    for (guint i = 0; i < statements->len; i++)
        step_append(step, PARAM_UNDO, g_strdup(g_ptr_array_index(statements, i)));
}

/* Columns, functions and triggers come in one transaction: nobody writes a row in between. */
void
version_plan_sync(PlanContext *ctx, const VersionTable *table)
{
    const SyncTable *sync = table->sync;
    SqlArg name = sql_name(sync->schema, sync->table);
    Step *step = version_step(ctx, PHASE_EXPAND, STEP_DDL_RUN, table->stmt, table->table);
    g_autoptr(GPtrArray) functions = sync_functions_sql(sync);
    g_autoptr(GPtrArray) triggers = sync_triggers_sql(sync);
    g_autoptr(GPtrArray) drop_triggers = sync_drop_triggers_sql(sync);
    g_autoptr(GPtrArray) drop_functions = sync_drop_functions_sql(sync);
    g_autofree char *verify = sync_verify_triggers_sql(sync);

    step->why = g_strdup("from now on what one version writes the other reads, in the writer's own transaction");
    if (version_is_marked(table))
        step->sql = sql_build("ALTER TABLE ? ADD COLUMN ? " SYNC_MARKER_TYPE, name, sql_ident(sync->marker));
    version_add_all(step, functions);
    version_add_all(step, triggers);
    version_undo_all(step, drop_triggers);
    version_undo_all(step, drop_functions);
    if (version_is_marked(table))
        step_append(step, PARAM_UNDO, sql_build("ALTER TABLE ? DROP COLUMN ?", name, sql_ident(sync->marker)));
    step_set(step, PARAM_VERIFY, verify);
    version_lock(step, table->table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
}

/* All new columns of a group at once: a row with some of them would look as if the new application had written it. */
static char *
fill_text(const VersionTable *table, const SyncGroup *group)
{
    g_autofree char *computes = sync_computes_sql(table->sync, group);
    g_autoptr(GString) set = g_string_new(NULL);
    g_autoptr(GString) where = g_string_new(NULL);

    for (guint i = 0; i < group->new_columns->len; i++) {
        const SyncColumn *column = g_ptr_array_index(group->new_columns, i);
        g_autofree char *assignment = sql_build("? = ?", sql_ident(column->name), sql_raw(column->expression));
        g_autofree char *is_empty = sql_build("? IS NULL", sql_ident(column->name));

        g_string_append_printf(set, "%s%s", i > 0 ? ", " : "", assignment);
        g_string_append_printf(where, "%s%s", i > 0 ? " AND " : "", is_empty);
    }
    if (computes != NULL)
        g_string_append_printf(where, " AND %s", computes);
    return sql_build("UPDATE ? SET ? WHERE ?", sql_name(table->table->schema, table->table->name), sql_raw(set->str),
                     sql_raw(where->str));
}

/* A function that a step before makes: what tries the expressions does not change from one batch to the next. */
static void
know_function(PlanContext *ctx, const VersionTable *table, const SyncGroup *group)
{
    char *name = sync_computes_function(table->sync, group);

    if (name != NULL)
        g_hash_table_insert(ctx->facts->volatility, name, g_strdup("i"));
}

static gboolean
fill_groups(PlanContext *ctx, const VersionTable *table, GError **error)
{
    for (guint i = 0; i < table->sync->groups->len; i++) {
        const SyncGroup *group = g_ptr_array_index(table->sync->groups, i);
        guint begin = ctx->phases[PHASE_BACKFILL]->len;

        know_function(ctx, table, group);
        if (group->new_columns->len > 0 && !recipe_generated_update(ctx, fill_text(table, group), error))
            return FALSE;
        for (guint k = begin; k < ctx->phases[PHASE_BACKFILL]->len; k++)
            g_hash_table_add(ctx->kept, g_ptr_array_index(ctx->phases[PHASE_BACKFILL], k));
    }
    return TRUE;
}

/* Measured with PostgreSQL 15 on a table of a million rows, 112 MB with 64 MB of indexes: an UPDATE of each row wrote
 * 2.9 times that into the WAL and let table and indexes grow by 1.1 of it, in 13.8 s; the online rewrite 0.9 times and
 * nothing, in 3.5 s. */
#define UPDATE_WAL   2.9
#define UPDATE_BLOAT 1.1
#define REWRITE_WAL  0.9

#define COST_WORTH_A_WORD (64.0 * 1024 * 1024)

/* On disk, with indexes and partitions. */
static double
bytes_of(const FactTable *table)
{
    double bytes = (double)table->table_bytes + (double)table->index_bytes;

    for (guint i = 0; i < table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(table->descendants, i);

        bytes += (double)member->table_bytes + (double)member->index_bytes;
    }
    return bytes;
}

static void
note_cost(PlanContext *ctx, const VersionTable *table)
{
    double bytes = bytes_of(table->table);
    g_autofree char *wal = units_bytes_about(bytes * UPDATE_WAL);
    g_autofree char *bloat = units_bytes_about(bytes * UPDATE_BLOAT);
    g_autofree char *rewrite_wal = units_bytes_about(bytes * REWRITE_WAL);
    g_autofree char *copy = units_bytes_about(bytes);
    gboolean is_retyped = FALSE;

    for (guint i = 0; i < table->columns->len; i++)
        is_retyped |= ((const VersionColumn *)g_ptr_array_index(table->columns, i))->retyped != NULL;
    if (table->table->is_small || bytes < COST_WORTH_A_WORD)
        return;
    plan_note(ctx->plan,
              "%s.%s: the new columns are filled inside the table, since both applications need it meanwhile: about %s "
              "of WAL, and %s more of disk until VACUUM has made it free again (`pgseam repack` gives it back)",
              table->table->schema, table->table->name, wal, bloat);
    if (is_retyped)
        plan_note(ctx->plan,
                  "%s.%s: if the old application could do with the new type, a migration without a version would be "
                  "cheaper: an online rewrite, in about a quarter of the time, with about %s of WAL, %s of disk until "
                  "complete, and no bloat",
                  table->table->schema, table->table->name, rewrite_wal, copy);
}

/* What the file drops is still there when this runs. */
gboolean
version_plan_fill(PlanContext *ctx, const VersionTable *table, GError **error)
{
    GPtrArray *dropped = g_steal_pointer(&ctx->dropped);
    gboolean ok;

    ctx->stmt = table->stmt;
    ctx->offset = table->offset;
    ctx->dropped = g_ptr_array_new();
    ok = fill_groups(ctx, table, error);
    g_ptr_array_unref(ctx->dropped);
    ctx->dropped = dropped;
    if (ok)
        note_cost(ctx, table);
    return ok;
}

static int
n_grants(const FactTable *table, const char *column)
{
    int n = 0;

    for (guint i = 0; table->grants != NULL && i < table->grants->len; i++)
        n += g_strcmp0(((const FactGrant *)g_ptr_array_index(table->grants, i))->column, column) == 0;
    return n;
}

/* SQL that is true while nothing hangs on the old column, of the table and of its partitions, but what the plan knows:
 * what somebody else adds meanwhile would go with it. The caller frees. */
static char *
unchanged_sql(const PlanContext *ctx, const VersionTable *table, const VersionColumn *column)
{
    const FactColumn *fact = column->fact;
    g_autofree char *taken = version_taken_views(ctx, table->table, fact->name);
    g_autofree char *name = sql_quote_name(table->table->schema, table->table->name);
    g_autofree char *has_twin = version_has_twin_sql(table);

    return sql_build(
        "NOT EXISTS (SELECT FROM (SELECT pg_catalog.to_regclass(?) AS oid UNION SELECT t.relid FROM "
        "pg_catalog.pg_partition_tree(pg_catalog.to_regclass(?)) AS t) AS f LEFT JOIN pg_catalog.pg_attribute AS a ON "
        "a.attrelid = f.oid AND a.attname = ? WHERE (a.attnotnull = ? AND "
        "(SELECT pg_catalog.pg_get_expr(x.adbin, x.adrelid) FROM pg_catalog.pg_attrdef AS x WHERE x.adrelid = "
        "a.attrelid AND x.adnum = a.attnum) IS NOT DISTINCT FROM ? AND a.attcompression = '' AND "
        "a.attstorage = (SELECT y.typstorage FROM pg_catalog.pg_type AS y WHERE y.oid = a.atttypid) AND "
        "NOT EXISTS (SELECT FROM pg_catalog.unnest(a.attoptions) AS o WHERE o LIKE 'n\\_distinct%') AND "
        "coalesce(a.attstattarget, -1) = ? AND CASE WHEN f.oid = pg_catalog.to_regclass(?) THEN "
        "pg_catalog.col_description(a.attrelid, a.attnum) IS NOT DISTINCT FROM ? AND "
        "(SELECT pg_catalog.count(*) FROM pg_catalog.aclexplode(a.attacl) AS e JOIN pg_catalog.pg_roles AS r "
        "ON r.rolname = current_user WHERE e.grantee <> r.oid) = ? ELSE "
        "pg_catalog.col_description(a.attrelid, a.attnum) IS NULL AND a.attacl IS NULL END AND NOT EXISTS "
        "(SELECT FROM pg_catalog.pg_depend AS d LEFT JOIN pg_catalog.pg_constraint AS k ON d.classid = "
        "'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid WHERE d.refclassid = "
        "'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum "
        "AND d.classid <> 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND k.contype IS DISTINCT FROM 'n' "
        "AND NOT (?) "
        "AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite AS w JOIN pg_catalog.unnest(?) AS v(name) "
        "ON w.ev_class = pg_catalog.to_regclass(v.name) "
        "WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = d.objid))) IS NOT TRUE)",
        sql_literal(name), sql_literal(name), sql_literal(fact->name), sql_raw(fact->is_not_null ? "true" : "false"),
        sql_literal(fact->default_expr), sql_int(fact->statistics), sql_literal(name), sql_literal(fact->comment),
        sql_int(n_grants(table->table, fact->name)), sql_raw(has_twin), sql_raw(taken));
}

static void
add_check(const PlanContext *ctx, Step *step, const VersionTable *table)
{
    g_autoptr(GString) all = g_string_new(NULL);
    g_autofree char *check = NULL;

    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);
        g_autofree char *one = column->retyped != NULL ? unchanged_sql(ctx, table, column) : NULL;

        if (one != NULL)
            g_string_append_printf(all, "%s%s", all->len > 0 ? " AND " : "", one);
    }
    if (all->len == 0)
        return;
    check = sql_build("SELECT ?", sql_raw(all->str));
    step_set(step, PARAM_CHECK, check);
    step_set(
        step, PARAM_CHECK_TEXT,
        "somebody has changed a column whose type changes (an index, a constraint, its default, NOT NULL, storage, "
        "comment or privileges): that would go with the old column");
}

/* A condition: a column of another type is NULL that must not be. The caller frees; NULL: there is none. */
static char *
null_condition(const VersionTable *table)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);
        g_autofree char *one = NULL;

        if (column->retyped == NULL || !column->fact->is_not_null)
            continue;
        one = sql_build("? IS NULL", sql_ident(column->hidden));
        g_string_append_printf(out, "%s%s", out->len > 0 ? " OR " : "", one);
    }
    return out->len > 0 ? g_strdup(out->str) : NULL;
}

/* "up" may give NULL where both sides agree on it, and SET NOT NULL would find it only at complete. */
static void
count_nulls(Step *step, const VersionTable *table, char **show)
{
    g_autofree char *condition = null_condition(table);
    g_autofree char *sql = NULL;
    g_autofree char *shown = NULL;
    SqlArg name = sql_name(table->table->schema, table->table->name);

    if (condition == NULL)
        return;
    sql = g_steal_pointer(&step->sql);
    shown = g_steal_pointer(show);
    step->sql =
        sql_build("SELECT (?) + (SELECT pg_catalog.count(*) FROM ? WHERE ?)", sql_raw(sql), name, sql_raw(condition));
    *show = sql_build("(?) UNION ALL SELECT 'for the new version a NOT NULL column would be NULL where ' "
                      "|| ? WHERE EXISTS (SELECT FROM ? WHERE ?)",
                      sql_raw(shown), sql_literal(condition), name, sql_raw(condition));
}

/* The columns of the primary key as they are called then: what the file renames has its new name in contract. */
static GPtrArray *
key_names(const VersionTable *table, Phase phase)
{
    const FactIndex *key = facts_primary_key(table->table);
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; key != NULL && key->columns != NULL && i < key->columns->len; i++) {
        const char *name = g_ptr_array_index(key->columns, i);
        const VersionColumn *column = version_old_column(table, name);

        g_ptr_array_add(names, (gpointer)(phase == PHASE_CONTRACT && column != NULL ? column->name : name));
    }
    return names;
}

/* For `pgseam rollout check`, while both versions are at work. */
static void
add_sample(Step *step, const VersionTable *table, const GPtrArray *keys)
{
    g_autofree char *sample = sync_sample_sql(table->sync);
    g_autofree char *show = sync_mismatch_show_sql(table->sync, keys, SYNC_SAMPLE_WHERE, SHOWN);

    step_set(step, PARAM_SAMPLE, sample);
    step_set(step, PARAM_SAMPLE_SHOW, show);
}

static void
set_quarantine(Step *step, const SyncTable *sync)
{
    g_autofree char *scan = sync_quarantine_scan_sql(sync);
    g_autofree char *list = sync_quarantine_list_sql(sync);
    g_autofree char *keep = sync_quarantine_keep_sql(sync);

    if (scan != NULL)
        step_set(step, PARAM_QUARANTINE, scan);
    if (list != NULL)
        step_set(step, PARAM_LIST, list);
    if (keep != NULL)
        step_set(step, PARAM_KEEP, keep);
}

/* Nobody can write a row while the final step looks: a line that is there now came after the scan. */
static void
check_quarantine(Step *step, const SyncTable *sync)
{
    g_autofree char *none = sync_quarantine_none_sql(sync);

    set_quarantine(step, sync);
    if (none == NULL)
        return;
    step_set(step, PARAM_CHECK, none);
    step_set(step, PARAM_CHECK_TEXT,
             "rows have been put into quarantine since the table was looked through: what \"up\" cannot compute "
             "would be lost with the old column");
}

void
version_plan_verify(PlanContext *ctx, const VersionTable *table, Phase phase)
{
    g_autoptr(GPtrArray) keys = key_names(table, phase);
    g_autofree char *rows = sync_mismatch_show_sql(table->sync, keys, NULL, SHOWN);
    g_autofree char *show =
        sql_build("SELECT s.key || ' ' || s.columns || ': ' || s.old_side || ' against ' || s.new_side "
                  "FROM (?) AS s",
                  sql_raw(rows));
    Step *step = version_step(ctx, phase, STEP_VERSION_VERIFY, table->stmt, table->table);

    step->sql = sync_mismatch_sql(table->sync, NULL);
    count_nulls(step, table, &show);
    step->why = g_strdup("each row says the same to both versions, by \"up\" or by \"down\"");
    step->rows = table->table->rows;
    step_set(step, PARAM_SHOW, show);
    if (phase == PHASE_BACKFILL)
        set_quarantine(step, table->sync);
    if (phase == PHASE_CONTRACT)
        add_check(ctx, step, table);
    else
        add_sample(step, table, keys);
    version_lock(step, table->table, LOCK_ACCESS_SHARE, HOLD_SCAN);
}

void
version_take_drops(PlanContext *ctx, const VersionTable *table, Step *into)
{
    GPtrArray *steps = ctx->phases[PHASE_CONTRACT];

    for (guint i = 0; i < steps->len;) {
        Step *step = g_ptr_array_index(steps, i);

        if (step->kind != STEP_COLUMN_DROP || !step_is_of(step, table->table->schema, table->table->name)) {
            i++;
            continue;
        }
        step_append(into, PARAM_MORE, g_strdup(step->sql));
        for (guint k = 0; k < step->locks->len; k++)
            step_merge_lock(into, g_ptr_array_index(step->locks, k));
        g_hash_table_remove(ctx->stmts, step);
        g_ptr_array_remove_index(steps, i);
    }
}

/* From 18 on NOT NULL is a constraint that stays, with a name of its own; before, a helper that has gone:
 * recipe_not_null.c. */
static void
rename_not_null(const PlanContext *ctx, Step *step, const VersionTable *table, const VersionColumn *column)
{
    const char *name = table->table->name;
    Target target = {.schema = table->table->schema, .name = name, .table = table->table};
    const Step *added = context_planned(ctx, &target, STEP_CHECK_ADD_NOT_VALID, PARAM_COLUMN, column->hidden);
    const char *to = column->fact->not_null_name;
    g_autofree char *from = NULL;

    if (added == NULL || to == NULL)
        return;
    /* A helper has gone again, and SET NOT NULL has given the constraint the name that it gives. */
    from = step_is(added, PARAM_TRANSIENT) ? name_default(name, column->hidden, "not_null", 0)
                                           : g_strdup(step_get(added, PARAM_CONSTRAINT));
    step_append(step, PARAM_GONE, g_strdup_printf("constraint %s", from));
    step_add_sql(step, sql_build("ALTER TABLE ? RENAME CONSTRAINT ? TO ?", sql_name(table->table->schema, name),
                                 sql_ident(from), sql_ident(to)));
    if (column->fact->not_null_comment != NULL)
        step_add_sql(step,
                     sql_build("COMMENT ON CONSTRAINT ? ON ? IS ?", sql_ident(to), sql_name(table->table->schema, name),
                               sql_literal(column->fact->not_null_comment)));
}

/* The hidden column takes the place of the one whose type changes, with what is said of that one. */
static void
take_place(const PlanContext *ctx, Step *step, const VersionTable *table, const VersionColumn *column)
{
    const FactColumn *fact = column->fact;
    SqlArg name = sql_name(table->table->schema, table->table->name);
    const char *text = column->default_text != NULL ? column->default_text : fact->default_expr;

    step_append(step, PARAM_MORE, sql_build("ALTER TABLE ? DROP COLUMN ?", name, sql_ident(fact->name)));
    step_append(
        step, PARAM_MORE,
        sql_build("ALTER TABLE ? RENAME COLUMN ? TO ?", name, sql_ident(column->hidden), sql_ident(fact->name)));
    rename_not_null(ctx, step, table, column);
    if (text != NULL && !column->drops_default)
        step_append(step, PARAM_MORE,
                    sql_build("ALTER TABLE ? ALTER COLUMN ? SET DEFAULT CAST((?) AS ?)", name, sql_ident(fact->name),
                              sql_raw(text), sql_raw(column->retyped->type)));
    if (fact->comment != NULL)
        step_append(step, PARAM_MORE,
                    sql_build("COMMENT ON COLUMN ?.? IS ?", name, sql_ident(fact->name), sql_literal(fact->comment)));
    if (fact->statistics >= 0)
        step_append(step, PARAM_MORE,
                    sql_build("ALTER TABLE ? ALTER COLUMN ? SET STATISTICS ?", name, sql_ident(fact->name),
                              sql_int(fact->statistics)));
    for (guint i = 0; table->table->grants != NULL && i < table->table->grants->len; i++) {
        const FactGrant *grant = g_ptr_array_index(table->table->grants, i);

        if (g_strcmp0(grant->column, fact->name) == 0)
            step_append(step, PARAM_MORE,
                        sql_build("GRANT ? (?) ON ? TO ??", sql_raw(grant->privilege), sql_ident(fact->name), name,
                                  sql_raw(grant->grantee), sql_raw(grant->is_grantable ? " WITH GRANT OPTION" : "")));
    }
}

static char *
replace_view(const PlanContext *ctx, const VersionTable *table)
{
    g_auto(VersionView) view;

    version_fill_view(&view, ctx, table, PHASE_CONTRACT);
    return view_replace_sql(&view);
}

static void
add_thing(Step *step, const char *kind, const char *name)
{
    step_append(step, PARAM_GONE, g_strdup_printf("%s %s", kind, name));
}

/* What the catalog may say otherwise when the step is through. */
static void
declare_difference(Step *step, const VersionTable *table)
{
    const SyncTable *sync = table->sync;

    add_thing(step, "trigger", sync->first_trigger);
    add_thing(step, "trigger", sync->last_trigger);
    if (version_is_marked(table))
        add_thing(step, "column", sync->marker);
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (column->is_dropped && column->fact != NULL)
            step_append(step, PARAM_DROPPED, g_strdup(column->fact->name));
        if (column->retyped == NULL)
            continue;
        add_thing(step, "column", column->hidden);
        step_append(step, PARAM_RETYPED, g_strdup_printf("column %s", column->fact->name));
        if (column->default_text != NULL || column->drops_default)
            step_append(step, PARAM_DEFAULTED, g_strdup_printf("column %s", column->fact->name));
    }
}

void
version_plan_end(PlanContext *ctx, const VersionTable *table)
{
    const SyncTable *sync = table->sync;
    SqlArg name = sql_name(sync->schema, sync->table);
    Step *step = version_step(ctx, PHASE_CONTRACT, STEP_VERSION_END, table->stmt, table->table);
    g_autoptr(GPtrArray) drop_triggers = sync_drop_triggers_sql(sync);
    g_autoptr(GPtrArray) drop_functions = sync_drop_functions_sql(sync);

    step->why = g_strdup("the old application is gone: only the new side stays; cannot be undone");
    step_add_view_lock(step, ctx->script->version, table->name, LOCK_ACCESS_EXCLUSIVE);
    version_lock(step, table->table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    check_quarantine(step, sync);
    version_add_all(step, drop_triggers);
    if (version_is_marked(table)) {
        step_append(step, PARAM_MORE, replace_view(ctx, table));
        step_append(step, PARAM_MORE, sql_build("DROP VIEW ?", sql_name(sync->own_schema, sync->table)));
        step_append(step, PARAM_MORE, sql_build("ALTER TABLE ? DROP COLUMN ?", name, sql_ident(sync->marker)));
    }
    version_add_all(step, drop_functions);
    version_take_drops(ctx, table, step);
    for (guint i = 0; i < table->columns->len; i++) {
        const VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (column->retyped != NULL)
            take_place(ctx, step, table, column);
    }
    version_twins_take_place(step, table);
    declare_difference(step, table);
}

void
version_plan_own_end(PlanContext *ctx, const GPtrArray *tables)
{
    const VersionTable *first = first_kept(tables);
    Step *step;

    if (first == NULL)
        return;
    step = version_step(ctx, PHASE_CONTRACT, STEP_DDL_FINAL, first->stmt, NULL);
    if (sync_has_quarantine(first->sync)) {
        step_add_lock(step, first->sync->own_schema, SYNC_QUARANTINE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, FALSE);
        step_add_sql(step, sql_build("DROP TABLE ?", sql_name(first->sync->own_schema, SYNC_QUARANTINE)));
    }
    step_add_sql(step, sql_build("DROP SCHEMA ?", sql_ident(first->sync->own_schema)));
    step->why = g_strdup("nothing is left in it");
}
