/*
 * REINDEX, index by index and always concurrently, and REFRESH MATERIALIZED VIEW.
 *
 * The TABLE and SCHEMA forms are taken apart: on a partitioned table even REINDEX TABLE CONCURRENTLY takes SHARE on all
 * partitions first (research: row 4b), and each index for itself can be resumed and cleaned up after.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/recipe.h"
#include "sql/splice.h"

/* What an interrupted REINDEX CONCURRENTLY leaves: ChooseRelationName() with "ccnew" or "ccold" in
 * src/backend/catalog/index.c and src/backend/commands/indexcmds.c. */
static gboolean
is_leftover(const FactIndex *index)
{
    g_autoptr(GRegex) suffix = g_regex_new("_cc(new|old)[0-9]*$", 0, 0, NULL);

    return !index->is_valid && g_regex_match(suffix, index->name, 0, NULL);
}

static gboolean
check_index(const FactTable *table, const FactIndex *index, GError **error)
{
    g_autofree char *name = sql_quote_name(table->schema, index->name);

    if (index->is_exclusion) {
        context_refuse(error, "name the table's other indexes one by one: REINDEX INDEX",
                       "index %s belongs to an exclusion constraint: PostgreSQL cannot rebuild it concurrently, and "
                       "otherwise it blocks reads and writes for the whole build",
                       name);
        return FALSE;
    }
    if (is_leftover(index)) {
        context_refuse(error, "drop it first: DROP INDEX CONCURRENTLY",
                       "index %s is INVALID: the rest of a REINDEX CONCURRENTLY that failed, and it still costs writes",
                       name);
        return FALSE;
    }
    return TRUE;
}

static Phase
phase_now(const PlanContext *ctx)
{
    return ctx->phases[PHASE_BACKFILL]->len > 0 ? PHASE_BACKFILL : PHASE_EXPAND;
}

static void
add_reindex(PlanContext *ctx, const FactTable *table, const FactIndex *index)
{
    Target target = {table->schema, table->name, table, NULL};
    Step *step = context_step(ctx, phase_now(ctx), STEP_INDEX_REINDEX, &target);
    g_autofree char *plain = effect_describe("REINDEX INDEX", ctx->facts->server_version);

    step->sql = sql_build("REINDEX INDEX CONCURRENTLY ?", sql_name(table->schema, index->name));
    step->why =
        g_strdup_printf("as it stands it takes %s, and the index itself is closed to reads; concurrently it blocks "
                        "neither reads nor writes",
                        plain);
    step->rows = table->rows;
    step_set(step, PARAM_INDEX, index->name);
    step_add_lock(step, table->schema, table->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_BUILD, TRUE);
}

/* All indexes of a table itself. */
static gboolean
reindex_table(PlanContext *ctx, const FactTable *table, GError **error)
{
    for (guint i = 0; i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);

        if (!check_index(table, index, error))
            return FALSE;
        if (table->kind != 'p')
            add_reindex(ctx, table, index);
    }
    return TRUE;
}

/* Of a partitioned table only the partitions have something to rebuild. */
static gboolean
reindex_family(PlanContext *ctx, const FactTable *table, GError **error)
{
    if (!reindex_table(ctx, table, error))
        return FALSE;
    for (guint i = 0; table->kind == 'p' && i < table->descendants->len; i++) {
        if (!reindex_table(ctx, g_ptr_array_index(table->descendants, i), error))
            return FALSE;
    }
    return TRUE;
}

/* The index of each leaf that belongs to a partitioned one, at any depth. */
static gboolean
reindex_tree(PlanContext *ctx, const FactTable *table, const char *name, GError **error)
{
    for (guint i = 0; i < table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(table->descendants, i);

        for (guint k = 0; k < member->indexes->len; k++) {
            const FactIndex *index = g_ptr_array_index(member->indexes, k);

            if (g_strcmp0(index->parent_name, name) != 0 || g_strcmp0(index->parent_schema, table->schema) != 0)
                continue;
            if (!check_index(member, index, error))
                return FALSE;
            if (member->kind != 'p')
                add_reindex(ctx, member, index);
            else if (!reindex_tree(ctx, member, index->name, error))
                return FALSE;
        }
    }
    return TRUE;
}

static gboolean
reindex_index(PlanContext *ctx, const RelName *name, GError **error)
{
    const FactTable *table = facts_find(ctx->facts, name->schema, name->name);
    const FactIndex *index = table != NULL ? facts_index(table, name->name) : NULL;
    RelName owner;

    if (index == NULL) {
        context_refuse(error, "check the name, and the search_path of the role you connect as",
                       "index \"%s\" does not exist (search_path: %s)", name->name, ctx->facts->search_path);
        return FALSE;
    }
    owner = (RelName){table->schema, table->name};
    if (context_target_of(ctx, &owner, "rpm", error) == NULL || !check_index(table, index, error))
        return FALSE;
    if (table->kind == 'p')
        return reindex_tree(ctx, table, index->name, error);
    add_reindex(ctx, table, index);
    return TRUE;
}

static gboolean
reindex_schema(PlanContext *ctx, const char *schema, GError **error)
{
    const GPtrArray *tables = g_hash_table_lookup(ctx->facts->schemas, schema);

    if (tables == NULL) {
        context_refuse(error, NULL, "schema \"%s\" does not exist", schema);
        return FALSE;
    }
    for (guint i = 0; i < tables->len; i++) {
        const FactTable *table = g_ptr_array_index(tables, i);
        RelName name = {table->schema, table->name};

        if (table->persistence == 't')
            continue;
        if (context_target_of(ctx, &name, "rpm", error) == NULL || !reindex_table(ctx, table, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
recipe_reindex(PlanContext *ctx, GError **error)
{
    const ReindexStmt *reindex = &ctx->stmt->reindex;
    const Target *target;
    gboolean ok;

    if (reindex->unsupported != NULL) {
        context_not_yet(error, "leave it out", "REINDEX (TABLESPACE ...)");
        return FALSE;
    }
    switch (reindex->kind) {
        case REINDEX_INDEX:
            ok = reindex_index(ctx, &reindex->relation, error);
            break;
        case REINDEX_TABLE:
            target = context_target_of(ctx, &reindex->relation, "rpm", error);
            ok = target != NULL && (target->table == NULL || reindex_family(ctx, target->table, error));
            break;
        case REINDEX_SCHEMA:
            ok = reindex_schema(ctx, reindex->schema, error);
            break;
        default:
            context_refuse(error, "REINDEX SCHEMA for each of your schemas; reindexdb --concurrently for the database",
                           "%s rebuilds the indexes of system catalogs, too, which every session needs",
                           ctx->stmt->what);
            return FALSE;
    }
    if (ok && reindex->kind != REINDEX_INDEX)
        plan_note(ctx->plan,
                  "%s: the indexes of TOAST tables are not rebuilt: only the owner of the server may name them",
                  ctx->stmt->place);
    return ok;
}

/* is_usable_unique_index() of src/backend/commands/matview.c: whole columns, no predicate. */
static gboolean
has_row_identity(const FactTable *view)
{
    for (guint i = 0; i < view->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(view->indexes, i);

        if (index->is_unique && index->is_valid && index->is_immediate && !index->is_partial && index->columns != NULL)
            return TRUE;
    }
    return FALSE;
}

/* An earlier statement of the file that makes such an index. */
static gboolean
gets_row_identity(const PlanContext *ctx, const FactTable *view)
{
    for (guint i = 0; i < ctx->script->stmts->len && g_ptr_array_index(ctx->script->stmts, i) != ctx->stmt; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);
        const CreateIndexStmt *create = &stmt->create_index;

        if (stmt->kind == STMT_CREATE_INDEX && create->is_unique && create->plain != NULL &&
            facts_find(ctx->facts, create->relation.schema, create->relation.name) == view)
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_refresh(PlanContext *ctx, const Target *target, GError **error)
{
    const RefreshStmt *refresh = &ctx->stmt->refresh;
    g_autofree char *shown = sql_quote_name(target->schema, target->name);
    g_autofree char *hint = NULL;

    if (target->table == NULL || target->table->kind != 'm') {
        context_refuse(error, NULL, "%s is not a materialized view", shown);
        return FALSE;
    }
    if (refresh->is_without_data) {
        context_refuse(error, "leave WITH NO DATA out, or drop the view",
                       "REFRESH ... WITH NO DATA empties %s: each query of the application would fail", shown);
        return FALSE;
    }
    if (!target->table->is_populated && refresh->is_concurrent) {
        context_refuse(error, "leave CONCURRENTLY out: nobody can read it yet",
                       "%s has never been filled: PostgreSQL cannot refresh it concurrently", shown);
        return FALSE;
    }
    if (!target->table->is_populated || has_row_identity(target->table) || gets_row_identity(ctx, target->table))
        return TRUE;
    hint = g_strdup_printf("put a CREATE UNIQUE INDEX on columns of %s before it, in this same file", shown);
    context_refuse(
        error, hint,
        "REFRESH MATERIALIZED VIEW %s blocks its readers for as long as the query runs; without a unique index on "
        "whole columns PostgreSQL cannot do it concurrently",
        shown);
    return FALSE;
}

gboolean
recipe_refresh(PlanContext *ctx, GError **error)
{
    const RefreshStmt *refresh = &ctx->stmt->refresh;
    const Target *target = context_target_of(ctx, &refresh->relation, "rm", error);
    gboolean is_online;
    Step *step;

    if (target == NULL || !check_refresh(ctx, target, error))
        return FALSE;
    is_online = target->table->is_populated;
    step = context_step(ctx, phase_now(ctx), STEP_DDL_RUN, target);
    step_set(step, PARAM_LONG, "true");
    step->sql = is_online && !refresh->is_concurrent
                    ? splice_insert(ctx->stmt->text, refresh->view_end, " CONCURRENTLY")
                    : g_strdup(ctx->stmt->text);
    step->why =
        g_strdup(is_online ? "as it stands it takes ACCESS EXCLUSIVE for as long as the query runs; concurrently "
                             "readers go on"
                           : "never filled: nobody can read it yet");
    step->rows = target->table->rows;
    /* LOCK TABLE does not take materialized views. */
    step_add_lock(step, target->schema, target->name, is_online ? LOCK_EXCLUSIVE : LOCK_ACCESS_EXCLUSIVE,
                  is_online ? HOLD_SCAN : HOLD_REWRITE, FALSE);
    for (guint i = 0; i < target->table->sources->len; i++) {
        const FactName *source = g_ptr_array_index(target->table->sources, i);

        step_add_lock(step, source->schema, source->name, LOCK_ACCESS_SHARE, HOLD_SCAN, FALSE);
    }
    plan_note(ctx->plan, "%s: rollback does not bring the former rows of %s back", ctx->stmt->place, target->name);
    return TRUE;
}
