/*
 * Indexes, always concurrently.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/objects.h"
#include "sql/splice.h"

/* The name that PostgreSQL would choose; NULL if it tried ten and all are taken. */
static char *
choose_name(const PlanContext *ctx, const Target *target, const CreateIndexStmt *create)
{
    for (unsigned number = 0; number < 10; number++) {
        g_autofree char *name = name_default_index(target->name, create->column_stem, number);

        if (!context_is_relation_taken(ctx, target->schema, name))
            return g_steal_pointer(&name);
    }
    return NULL;
}

/* TRUE: go on and create it. FALSE without an error: it is there already. */
static gboolean
check_name(PlanContext *ctx, const Target *target, const char *name, gboolean if_not_exists, GError **error)
{
    g_autofree char *qualified = sql_quote_name(target->schema, name);
    const FactIndex *index = target->table != NULL ? facts_index(target->table, name) : NULL;
    gboolean is_dropped = g_hash_table_contains(ctx->dropped_indexes, qualified);

    if (!context_is_relation_taken(ctx, target->schema, name))
        return TRUE;
    if (index != NULL && !index->is_valid) {
        context_refuse(error, "drop it first: DROP INDEX CONCURRENTLY",
                       "index %s exists, but it is INVALID: the rest of an "
                       "index build that failed",
                       qualified);
        return FALSE;
    }
    if (if_not_exists && index != NULL && !is_dropped) {
        plan_note(ctx->plan, "%s: index %s is there already, nothing to do", ctx->stmt->place, qualified);
        return FALSE;
    }
    context_refuse(error,
                   is_dropped ? "its DROP runs in the contract phase, after this; give the new index another name"
                              : "give the index another name, or leave the statement out",
                   "relation %s exists already", qualified);
    return FALSE;
}

/* May rows of the old application violate it? Not if a column is new and NULL in all they write. */
static gboolean
old_writers_may_violate(const PlanContext *ctx, const Target *target, const CreateIndexStmt *create)
{
    /* Nobody writes to a materialized view. */
    if (!create->is_unique || target->table == NULL || target->table->kind == 'm')
        return FALSE;
    for (guint i = 0; i < create->uses.columns->len; i++) {
        const ColumnChange *added = context_added(ctx, target, g_ptr_array_index(create->uses.columns, i));

        if (added != NULL && added->definition->default_value.text == NULL)
            return FALSE;
    }
    return TRUE;
}

static void
add_create(PlanContext *ctx, const Target *target, const char *name, Phase phase)
{
    const CreateIndexStmt *create = &ctx->stmt->create_index;
    Step *step = context_step(ctx, phase, STEP_INDEX_CREATE, target);
    g_autofree char *insert_name = create->name == NULL ? sql_build(" ?", sql_ident(name)) : g_strdup("");
    g_autofree char *insert = g_strconcat(create->is_concurrent ? "" : " CONCURRENTLY", insert_name, NULL);
    g_autofree char *plain = effect_describe("CREATE INDEX", ctx->facts->server_version);

    step->sql = splice_insert(ctx->stmt->text, create->index_end, insert);
    step->why =
        g_strdup_printf("as it stands it takes %s; concurrently it blocks neither reads nor writes%s", plain,
                        phase == PHASE_CONTRACT ? "; unique: rows of the old application might violate it" : "");
    step->rows = target->table != NULL ? target->table->rows : 0;
    step_set(step, PARAM_INDEX, name);
    /* Inheritance children do not get it. */
    step_add_lock(step, target->schema, target->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_BUILD, TRUE);
    g_hash_table_add(ctx->index_names, sql_quote_name(target->schema, name));
}

gboolean
recipe_create_index(PlanContext *ctx, GError **error)
{
    const CreateIndexStmt *create = &ctx->stmt->create_index;
    const Target *target;
    g_autoptr(GError) why = NULL;
    g_autofree char *name = NULL;
    Phase phase;

    if (recipe_index_on_made(ctx))
        return TRUE;
    target = context_target_of(ctx, &create->relation, "rpm", error);
    if (target == NULL || !context_check_expr(ctx, target, &create->uses, NULL, error))
        return FALSE;
    name = create->name != NULL ? g_strdup(create->name) : choose_name(ctx, target, create);
    phase = context_phase_after(ctx, target, old_writers_may_violate(ctx, target, create));
    if (name == NULL) {
        context_refuse(error, NULL, "there are already ten indexes named like this one; give it a name");
        return FALSE;
    }
    if (!check_name(ctx, target, name, create->if_not_exists, &why)) {
        if (why == NULL)
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (target->created != NULL && target->created->is_partitioned) {
        recipe_create_index_of_new(ctx, target, name, phase);
        return TRUE;
    }
    if (target->table != NULL && target->table->kind == 'p')
        return recipe_create_partitioned_index(ctx, target, name, phase, error);
    add_create(ctx, target, name, phase);
    return TRUE;
}

static gboolean
is_dropped_before(const PlanContext *ctx, const FactTable *table, const char *name)
{
    g_autofree char *qualified = sql_quote_name(table->schema, name);

    return g_hash_table_contains(ctx->dropped_indexes, qualified);
}

static gboolean
check_droppable(const PlanContext *ctx, const FactTable *table, const char *name, GError **error)
{
    const FactIndex *index = facts_index(table, name);
    g_autofree char *hint = NULL;

    if (index == NULL) {
        context_refuse(error, NULL, "\"%s\" is not an index", name);
        return FALSE;
    }
    if (is_dropped_before(ctx, table, name)) {
        context_refuse(error, "leave it out", "index \"%s\" is dropped by an earlier statement of this file", name);
        return FALSE;
    }
    if (index->constraint != NULL) {
        context_refuse(error, "drop the constraint instead", "index \"%s\" belongs to constraint \"%s\"", name,
                       index->constraint);
        return FALSE;
    }
    if (index->parent_name != NULL) {
        hint = g_strdup_printf("drop %s.%s: it takes those of the partitions with it", index->parent_schema,
                               index->parent_name);
        context_refuse(error, hint, "index \"%s\" belongs to the partitioned index %s.%s", name, index->parent_schema,
                       index->parent_name);
        return FALSE;
    }
    if (index->is_replica_identity) {
        context_refuse(error, "give the table another replica identity first",
                       "index \"%s\" is the replica identity of its table", name);
        return FALSE;
    }
    return TRUE;
}

/* TRUE if an earlier statement of the file makes an index of this name: what it drops again it need not make. */
static gboolean
is_made_here(const PlanContext *ctx, const RelName *name)
{
    for (guint i = 0; i < ctx->targets->len; i++) {
        const Target *target = g_ptr_array_index(ctx->targets, i);
        const char *schema = name->schema != NULL ? name->schema : target->schema;
        g_autofree char *qualified = sql_quote_name(schema, name->name);

        if (g_hash_table_contains(ctx->index_names, qualified))
            return TRUE;
    }
    return FALSE;
}

static gboolean
drop_one(PlanContext *ctx, const RelName *name, GError **error)
{
    const DropIndexStmt *drop = &ctx->stmt->drop_index;
    const FactTable *table = facts_find(ctx->facts, name->schema, name->name);
    RelName owner;
    const Target *target;
    Step *step;

    if (table == NULL && is_made_here(ctx, name)) {
        context_refuse(error, "leave both statements out", "index \"%s\" is made by this same file and dropped again",
                       name->name);
        return FALSE;
    }
    if (table == NULL) {
        if (drop->if_exists) {
            plan_note(ctx->plan, "%s: there is no index \"%s\", nothing to do", ctx->stmt->place, name->name);
            return TRUE;
        }
        context_refuse(error, NULL, "index \"%s\" does not exist (search_path: %s)", name->name,
                       ctx->facts->search_path);
        return FALSE;
    }
    owner = (RelName){table->schema, table->name};
    if (drop->if_exists && is_dropped_before(ctx, table, name->name)) {
        plan_note(ctx->plan, "%s: index \"%s\" is dropped by an earlier statement, nothing to do", ctx->stmt->place,
                  name->name);
        return TRUE;
    }
    if (!check_droppable(ctx, table, name->name, error))
        return FALSE;
    g_hash_table_insert(ctx->facts->relations, sql_quote_name(table->schema, table->name), (gpointer)table);
    target = context_target_of(ctx, &owner, "rpm", error);
    if (target == NULL)
        return FALSE;
    if (table->kind == 'p') {
        recipe_drop_partitioned_index(ctx, target, name->name);
        return TRUE;
    }
    step = context_step(ctx, PHASE_CONTRACT, STEP_INDEX_DROP, target);
    if (drop->names->len == 1)
        step->sql = splice_insert(ctx->stmt->text, drop->index_end, drop->is_concurrent ? "" : " CONCURRENTLY");
    else
        step->sql = sql_build("DROP INDEX CONCURRENTLY ?", sql_name(table->schema, name->name));
    step->why =
        g_strdup("the old application may need it: waits behind the gate; concurrently it blocks neither reads nor "
                 "writes");
    step_set(step, PARAM_INDEX, name->name);
    step_add_lock(step, table->schema, table->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_INSTANT, TRUE);
    g_hash_table_add(ctx->dropped_indexes, sql_quote_name(table->schema, name->name));
    return TRUE;
}

gboolean
recipe_drop_index(PlanContext *ctx, GError **error)
{
    const DropIndexStmt *drop = &ctx->stmt->drop_index;

    if (drop->is_cascade) {
        context_not_yet(error, "leave CASCADE out: what depends on the index is then named", "DROP INDEX ... CASCADE");
        return FALSE;
    }
    for (guint i = 0; i < drop->names->len; i++) {
        if (!drop_one(ctx, g_ptr_array_index(drop->names, i), error))
            return FALSE;
    }
    return TRUE;
}
