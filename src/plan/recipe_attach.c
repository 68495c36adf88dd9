/*
 * CREATE TABLE ... PARTITION OF and INHERITS, and ATTACH PARTITION without a scan and without a build under its locks
 * (research: recipe R6, rows 45 to 48): the bound and the foreign keys are proven on the new partition first, its
 * indexes are built, and what is left is an instant.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/attach.h"

static Step *
begin_step(const Attach *attach, StepKind kind, const FactTable *table)
{
    Target target = {table->schema, table->name, table, NULL};

    return context_step(attach->ctx, attach->phase, kind, &target);
}

/* A constraint in two steps: for new rows in an instant, for the others under a lock that nobody feels. */
static Step *
prove(const Attach *attach, const Target *target, const char *constraint, const char *body, const char *why)
{
    g_autofree char *table = sql_quote_name(target->schema, target->name);
    Step *added;
    Step *step = context_step(attach->ctx, attach->phase, STEP_DDL_RUN, target);

    step->sql =
        sql_build("ALTER TABLE ? ADD CONSTRAINT ? ? NOT VALID", sql_raw(table), sql_ident(constraint), sql_raw(body));
    step->why = g_strdup(why);
    step_append(step, PARAM_UNDO,
                sql_build("ALTER TABLE ? DROP CONSTRAINT IF EXISTS ?", sql_raw(table), sql_ident(constraint)));
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);

    added = step;
    step = context_step(attach->ctx, attach->phase, STEP_DDL_RUN, target);
    step->sql = sql_build("ALTER TABLE ? VALIDATE CONSTRAINT ?", sql_raw(table), sql_ident(constraint));
    step->why = g_strdup("reads every row once, while reads and writes go on");
    step->rows = target->table != NULL ? target->table->rows : 0;
    step_set(step, PARAM_LONG, "true");
    context_lock(step, target, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_SCAN);
    return added;
}

static void
prove_bound(const Attach *attach, const Target *target, const char *condition, const char *why)
{
    g_autofree char *constraint = name_bounded("bound", target->name);
    g_autofree char *body = sql_build("CHECK (?)", sql_raw(condition));

    SqlArg table = sql_name(target->schema, target->name);
    Step *added = prove(attach, target, constraint, body, why);

    /* Rows that fail would keep the application from writing until somebody takes the constraint away. */
    step_append(added, PARAM_COUNT,
                sql_build("SELECT pg_catalog.count(*) FROM ? AS r WHERE (?) IS FALSE", table, sql_raw(condition)));
    step_append(added, PARAM_SHOW,
                sql_build("SELECT CAST(r AS pg_catalog.text) FROM ? AS r WHERE (?) IS FALSE LIMIT 5", table,
                          sql_raw(condition)));
    g_ptr_array_add(attach->drops, sql_build("ALTER TABLE ? DROP CONSTRAINT IF EXISTS ?",
                                             sql_name(target->schema, target->name), sql_ident(constraint)));
}

/* The default partition holds no row of the new range. */
static gboolean
prove_default(const Attach *attach, const PartitionBound *bound, GError **error)
{
    g_autofree char *condition = bound_condition(attach->parent->table, bound);
    g_autofree char *opposite = NULL;
    Target fallback = {attach->fallback->schema, attach->fallback->name, attach->fallback, NULL};

    if (condition == NULL && attach->fallback->bytes == 0)
        return TRUE;
    if (condition == NULL) {
        context_refuse(
            error, "write the bound with constants, of one column",
            "every row of the default partition %s would be read under ACCESS EXCLUSIVE: no constraint can be "
            "made of the bound %s",
            attach->fallback->name, bound->text);
        return FALSE;
    }
    opposite = sql_build("NOT (?)", sql_raw(condition));
    prove_bound(attach, &fallback, opposite, "proves that the default partition holds no row of the new one");
    plan_note(attach->ctx->plan,
              "%s: from then on the default partition %s takes no rows of the new range: until the new partition is "
              "there, which follows, an INSERT of one fails",
              attach->ctx->stmt->place, attach->fallback->name);
    return TRUE;
}

/* Without a condition that says what the bound does, the rows would be read under ACCESS EXCLUSIVE. */
static gboolean
prove_rows(const Attach *attach, GError **error)
{
    const FactTable *parent = attach->parent->table;
    const FactTable *child = attach->child->table;
    g_autofree char *condition = bound_condition(parent, &attach->cmd->bound);
    g_autofree char *whole = NULL;

    if (condition == NULL && child != NULL && child->bytes > 0) {
        context_refuse(
            error,
            "write the bound with constants; a default partition, or one of several range columns, can be "
            "attached while it is empty",
            "ATTACH PARTITION would read every row of %s under ACCESS EXCLUSIVE: no constraint can be made of "
            "the bound %s",
            child->name, attach->cmd->bound.text);
        return FALSE;
    }
    if (condition != NULL) {
        whole = parent->partition_constraint != NULL
                    ? sql_build("(?) AND (?)", sql_raw(condition), sql_raw(parent->partition_constraint))
                    : g_strdup(condition);
        prove_bound(attach, attach->child, whole, "proves that the rows fit, so that ATTACH need not read them");
    }
    return attach->fallback == NULL || prove_default(attach, &attach->cmd->bound, error);
}

/* The index of the new table that ATTACH will take for one of the parent's. */
static const FactIndex *
index_alike(const FactTable *child, const FactIndex *ours, const GPtrArray *used)
{
    for (guint i = 0; i < child->indexes->len; i++) {
        const FactIndex *theirs = g_ptr_array_index(child->indexes, i);

        if (theirs->is_valid && theirs->parent_name == NULL && theirs->shape != NULL &&
            g_strcmp0(theirs->shape, ours->shape) == 0 &&
            (ours->constraint == NULL || (theirs->constraint != NULL && theirs->is_primary == ours->is_primary)) &&
            !g_ptr_array_find((GPtrArray *)used, theirs, NULL))
            return theirs;
    }
    return NULL;
}

/* As generateClonedIndexStmt() and ChooseIndexName() name it. */
static char *
index_name(PlanContext *ctx, const char *schema, const char *table, const FactIndex *ours)
{
    g_autoptr(GString) stem = g_string_new(NULL);
    const char *label = ours->is_primary ? "pkey" : ours->constraint != NULL ? "key" : "idx";

    for (guint i = 0; ours->attributes != NULL && i < ours->attributes->len; i++)
        g_string_append_printf(stem, "%s%s", i > 0 ? "_" : "", (const char *)g_ptr_array_index(ours->attributes, i));
    for (unsigned number = 0;; number++) {
        g_autofree char *name = name_default(table, ours->is_primary ? NULL : stem->str, label, number);

        if (!context_is_relation_taken(ctx, schema, name)) {
            g_hash_table_add(ctx->index_names, sql_quote_name(schema, name));
            return g_steal_pointer(&name);
        }
    }
}

/* The names that the indexes of a new partition get, so that the file's own do not clash with them. */
static void
claim_index_names(PlanContext *ctx, const Target *target, const FactTable *ancestor)
{
    for (guint i = 0; i < ancestor->indexes->len; i++)
        g_free(index_name(ctx, target->schema, target->name, g_ptr_array_index(ancestor->indexes, i)));
}

static void
make_constraint(const Attach *attach, const FactIndex *ours, const char *name)
{
    const FactTable *child = attach->child->table;
    const FactConstraint *constraint = facts_constraint(attach->parent->table, ours->constraint);
    const char *attributes = constraint != NULL ? strstr(constraint->definition, " DEFERRABLE") : NULL;
    Step *step = begin_step(attach, STEP_DDL_RUN, child);

    step->sql = sql_build("ALTER TABLE ? ADD CONSTRAINT ? ? USING INDEX ??", sql_name(child->schema, child->name),
                          sql_ident(name), sql_raw(ours->is_primary ? "PRIMARY KEY" : "UNIQUE"), sql_ident(name),
                          sql_raw(attributes != NULL ? attributes : ""));
    step->why = g_strdup("the parent's index is a constraint: so must the partition's be");
    step_append(
        step, PARAM_UNDO,
        sql_build("ALTER TABLE ? DROP CONSTRAINT IF EXISTS ?", sql_name(child->schema, child->name), sql_ident(name)));
    step_add_lock(step, child->schema, child->name, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
}

static gboolean
build_index(const Attach *attach, const FactIndex *ours, GError **error)
{
    const FactTable *child = attach->child->table;
    g_autofree char *name = NULL;
    Step *step;

    if (child->kind == 'p') {
        context_refuse(error, "create the index on it first", "%s is partitioned itself and has no index like %s",
                       child->name, ours->name);
        return FALSE;
    }
    name = index_name(attach->ctx, child->schema, child->name, ours);
    step = begin_step(attach, STEP_INDEX_CREATE, child);
    step->sql = sql_build("CREATE ?INDEX CONCURRENTLY ? ON ? ?", sql_raw(ours->is_unique ? "UNIQUE " : ""),
                          sql_ident(name), sql_name(child->schema, child->name), sql_raw(ours->tail));
    step->why = g_strdup_printf("like %s of the parent: ATTACH would build it under ACCESS EXCLUSIVE", ours->name);
    step->rows = child->rows;
    step_set(step, PARAM_INDEX, name);
    step_add_lock(step, child->schema, child->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_BUILD, TRUE);
    if (ours->constraint != NULL)
        make_constraint(attach, ours, name);
    return TRUE;
}

/* One that an earlier statement of the file makes. */
static gboolean
is_made_before(const Attach *attach, const FactIndex *ours)
{
    const PlanContext *ctx = attach->ctx;

    for (guint i = 0; i < ctx->script->stmts->len && g_ptr_array_index(ctx->script->stmts, i) != ctx->stmt; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);
        const CreateIndexStmt *create = &stmt->create_index;

        if (stmt->kind == STMT_CREATE_INDEX && ours->constraint == NULL && create->is_unique == ours->is_unique &&
            g_strcmp0(create->plain, ours->tail) == 0 &&
            facts_find(ctx->facts, create->relation.schema, create->relation.name) == attach->child->table)
            return TRUE;
    }
    return FALSE;
}

static gboolean
build_indexes(const Attach *attach, GError **error)
{
    g_autoptr(GPtrArray) used = g_ptr_array_new();
    const FactTable *parent = attach->parent->table;

    for (guint i = 0; i < parent->indexes->len; i++) {
        const FactIndex *ours = g_ptr_array_index(parent->indexes, i);
        const FactIndex *theirs = index_alike(attach->child->table, ours, used);

        if (theirs != NULL)
            g_ptr_array_add(used, (gpointer)theirs);
        else if (!is_made_before(attach, ours) && !build_index(attach, ours, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_own_foreign_key(const FactConstraint *constraint)
{
    return constraint->kind == 'f' && !constraint->is_inbound && !constraint->is_clone;
}

static gboolean
has_foreign_key(const FactTable *child, const FactConstraint *ours)
{
    for (guint i = 0; i < child->constraints->len; i++) {
        const FactConstraint *theirs = g_ptr_array_index(child->constraints, i);

        if (is_own_foreign_key(theirs) && theirs->is_valid && strcmp(theirs->definition, ours->definition) == 0)
            return TRUE;
    }
    return FALSE;
}

static void
prove_foreign_key(const Attach *attach, const FactConstraint *ours)
{
    const FactTable *child = attach->child->table;
    g_autofree char *table = sql_quote_name(child->schema, child->name);
    Step *step = begin_step(attach, STEP_DDL_RUN, child);

    step->sql = sql_build("ALTER TABLE ? ADD CONSTRAINT ? ? NOT VALID", sql_raw(table), sql_ident(ours->name),
                          sql_raw(ours->definition));
    step->why = g_strdup("a foreign key of the parent: ATTACH would look up every row under its locks");
    step_append(step, PARAM_UNDO,
                sql_build("ALTER TABLE ? DROP CONSTRAINT IF EXISTS ?", sql_raw(table), sql_ident(ours->name)));
    step_add_lock(step, child->schema, child->name, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT, TRUE);
    step_add_lock(step, ours->other_schema, ours->other_table, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT,
                  ours->other_is_owned);
    step_add_undo_lock(step, child->schema, child->name, LOCK_ACCESS_EXCLUSIVE, TRUE);
    step_add_undo_lock(step, ours->other_schema, ours->other_table, LOCK_ACCESS_EXCLUSIVE, ours->other_is_owned);

    step = begin_step(attach, STEP_DDL_RUN, child);
    step->sql = sql_build("ALTER TABLE ? VALIDATE CONSTRAINT ?", sql_raw(table), sql_ident(ours->name));
    step->why = g_strdup("looks every row up once, while reads and writes go on");
    step->rows = child->rows;
    step_set(step, PARAM_LONG, "true");
    step_add_lock(step, child->schema, child->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_SCAN, TRUE);
    step_add_lock(step, ours->other_schema, ours->other_table, LOCK_ROW_SHARE, HOLD_SCAN, ours->other_is_owned);
}

static gboolean
prove_foreign_keys(const Attach *attach, GError **error)
{
    const FactTable *parent = attach->parent->table;
    const FactTable *child = attach->child->table;

    for (guint i = 0; i < parent->constraints->len; i++) {
        const FactConstraint *ours = g_ptr_array_index(parent->constraints, i);

        if (!is_own_foreign_key(ours) || has_foreign_key(child, ours))
            continue;
        if (facts_constraint(child, ours->name) != NULL || child->kind == 'p') {
            context_refuse(error, "give the table the parent's foreign key first, valid",
                           "foreign key \"%s\" of %s.%s cannot be made on %s beforehand: %s", ours->name,
                           parent->schema, parent->name, child->name,
                           child->kind == 'p' ? "it is partitioned itself" : "it has another constraint of that name");
            return FALSE;
        }
        prove_foreign_key(attach, ours);
    }
    return TRUE;
}

void
recipe_partition_locks(Step *step, const FactTable *parent, LockMode referenced, LockMode referencing,
                       gboolean for_undo)
{
    for (guint i = 0; i < parent->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(parent->constraints, i);
        LockMode mode = constraint->is_inbound ? referencing : referenced;

        if (constraint->kind != 'f' || constraint->other_table == NULL ||
            (strcmp(constraint->other_table, parent->name) == 0 &&
             strcmp(constraint->other_schema, parent->schema) == 0))
            continue;
        if (for_undo)
            step_add_undo_lock(step, constraint->other_schema, constraint->other_table, mode,
                               constraint->other_is_owned);
        else
            step_add_lock(step, constraint->other_schema, constraint->other_table, mode, HOLD_INSTANT,
                          constraint->other_is_owned);
    }
}

static void
lock_default(const Attach *attach, Step *step)
{
    if (attach->fallback != NULL) {
        Target fallback = {attach->fallback->schema, attach->fallback->name, attach->fallback, NULL};

        context_lock(step, &fallback, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    }
}

static void
add_attach(const Attach *attach, const char *sql)
{
    const Target *parent = attach->parent;
    const Target *child = attach->child;
    g_autofree char *ours = sql_quote_name(parent->schema, parent->name);
    g_autofree char *theirs = sql_quote_name(child->schema, child->name);
    g_autofree char *verify = sql_build("SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = "
                                        "pg_catalog.to_regclass(?) AND h.inhparent "
                                        "= pg_catalog.to_regclass(?))",
                                        sql_literal(theirs), sql_literal(ours));
    Step *step = context_step(attach->ctx, attach->phase, STEP_DDL_RUN, child);

    step->sql = g_strdup(sql);
    step->why = g_strdup("all is proven and built: only catalog rows change");
    for (guint i = 0; i < attach->drops->len; i++)
        step_append(step, PARAM_MORE, g_strdup(g_ptr_array_index(attach->drops, i)));
    step_append(step, PARAM_UNDO, sql_build("ALTER TABLE ? DETACH PARTITION ?", sql_raw(ours), sql_raw(theirs)));
    step_set(step, PARAM_VERIFY, verify);
    step_add_lock(step, parent->schema, parent->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_INSTANT, TRUE);
    context_lock(step, child, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    lock_default(attach, step);
    recipe_partition_locks(step, parent->table, LOCK_ACCESS_EXCLUSIVE, LOCK_SHARE_ROW_EXCLUSIVE, FALSE);
    step_add_undo_lock(step, parent->schema, parent->name, LOCK_ACCESS_EXCLUSIVE, TRUE);
    recipe_partition_locks(step, parent->table, LOCK_ACCESS_EXCLUSIVE, LOCK_ACCESS_EXCLUSIVE, TRUE);
}

static const FactTable *
default_of(const PlanContext *ctx, const FactTable *parent)
{
    return parent->default_name != NULL ? facts_find(ctx->facts, parent->default_schema, parent->default_name) : NULL;
}

/* A new partition is empty, but a default partition is read for rows that would now belong to it. */
static gboolean
add_partition(PlanContext *ctx, const Target *parent, const Target *target, Step *step, GError **error)
{
    const PartitionBound *bound = &ctx->stmt->create_table.bound;
    g_autoptr(GPtrArray) drops = g_ptr_array_new_with_free_func(g_free);
    const FactTable *fallback = default_of(ctx, parent->table);
    Attach attach = {ctx, parent, target, fallback, NULL, PHASE_EXPAND, drops};
    guint place = ctx->phases[PHASE_EXPAND]->len - 1;

    claim_index_names(ctx, target, parent->table);
    step_add_lock(step, parent->schema, parent->name, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
    recipe_partition_locks(step, parent->table, LOCK_SHARE_ROW_EXCLUSIVE, LOCK_SHARE_ROW_EXCLUSIVE, FALSE);
    recipe_partition_locks(step, parent->table, LOCK_ACCESS_EXCLUSIVE, LOCK_ACCESS_EXCLUSIVE, TRUE);
    if (fallback == NULL)
        return TRUE;
    if (!prove_default(&attach, bound, error))
        return FALSE;
    /* The proof comes before the table. */
    g_ptr_array_add(ctx->phases[PHASE_EXPAND], g_ptr_array_steal_index(ctx->phases[PHASE_EXPAND], place));
    lock_default(&attach, step);
    for (guint i = 0; i < drops->len; i++)
        step_append(step, PARAM_MORE, g_strdup(g_ptr_array_index(drops, i)));
    return TRUE;
}

/* A partition of a table that the file makes has the foreign keys of the first one that was there before. */
static void
lock_beyond(PlanContext *ctx, const Target *parent, const Target *target, Step *step)
{
    step_add_lock(step, parent->schema, parent->name, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, TRUE);
    while (parent != NULL && parent->table == NULL && parent->created->bound.text != NULL)
        parent = context_target_of(ctx, g_ptr_array_index(parent->created->parents, 0), "rp", NULL);
    if (parent == NULL || parent->table == NULL)
        return;
    claim_index_names(ctx, target, parent->table);
    recipe_partition_locks(step, parent->table, LOCK_SHARE_ROW_EXCLUSIVE, LOCK_SHARE_ROW_EXCLUSIVE, FALSE);
    recipe_partition_locks(step, parent->table, LOCK_ACCESS_EXCLUSIVE, LOCK_ACCESS_EXCLUSIVE, TRUE);
}

gboolean
recipe_inherit(PlanContext *ctx, const Target *target, Step *step, GError **error)
{
    const CreateTableStmt *create = &ctx->stmt->create_table;

    for (guint i = 0; i < create->parents->len; i++) {
        const Target *parent = context_target_of(ctx, g_ptr_array_index(create->parents, i), "rp", error);

        if (parent == NULL)
            return FALSE;
        if (create->bound.text != NULL)
            step_append(step, PARAM_UNDO,
                        sql_build("ALTER TABLE ? DETACH PARTITION ?", sql_name(parent->schema, parent->name),
                                  sql_name(target->schema, target->name)));
        if (parent->table == NULL) {
            lock_beyond(ctx, parent, target, step);
            continue;
        }
        if (create->bound.text == NULL)
            step_add_lock(step, parent->schema, parent->name, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_INSTANT, TRUE);
        else if (!add_partition(ctx, parent, target, step, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
recipe_attach(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    g_autoptr(GPtrArray) drops = g_ptr_array_new_with_free_func(g_free);
    Attach attach = {ctx, target, NULL, NULL, cmd, PHASE_EXPAND, drops};

    if (target->table == NULL) {
        context_not_yet(error, "put it into a migration of its own, after the one that makes the table",
                        "ATTACH PARTITION to a table that this file makes");
        return FALSE;
    }
    if (target->table->kind != 'p') {
        context_refuse(error, NULL, "%s is not partitioned", target->name);
        return FALSE;
    }
    attach.child = context_target_of(ctx, &cmd->partition, "rp", error);
    if (attach.child == NULL)
        return FALSE;
    attach.fallback = default_of(ctx, target->table);
    attach.phase = ctx->phases[PHASE_BACKFILL]->len > 0 ? PHASE_BACKFILL : PHASE_EXPAND;
    if (!attach_check_filled(&attach, error) ||
        !family_check_unchanged(ctx, target->table, "ATTACH PARTITION", error) || !attach_check(&attach, error))
        return FALSE;
    if (attach.child->table != NULL &&
        (!attach_check_keys(&attach, error) || !build_indexes(&attach, error) || !prove_foreign_keys(&attach, error)))
        return FALSE;
    if (!prove_rows(&attach, error))
        return FALSE;
    add_attach(&attach, sql);
    plan_note(ctx->plan,
              "%s: from ATTACH on the rows of %s are rows of %s; rollback takes them out of it again, with those that "
              "the application has written there meanwhile: they stay in %s alone",
              ctx->stmt->place, attach.child->name, target->name, attach.child->name);
    return TRUE;
}
