/*
 * FOREIGN KEY: NOT VALID under SHARE ROW EXCLUSIVE on both tables for an instant, then VALIDATE, which blocks no write
 * (research: recipe R3, measured on 12 to 18).
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/recipe_rewrite.h"

/* The table at the other end, which need not be ours. */
typedef struct Other {
    const char *schema;
    const char *name;
    const FactTable *table; /* NULL: made by this file */
} Other;

static gboolean
find_other(PlanContext *ctx, const ConstraintDef *constraint, Other *ret, GError **error)
{
    const RelName *name = &constraint->other;
    g_autofree char *shown = sql_quote_name(name->schema, name->name);

    ret->table = facts_find(ctx->facts, name->schema, name->name);
    ret->schema = ret->table != NULL ? ret->table->schema : context_schema_of(ctx, name);
    ret->name = name->name;
    if (ret->table == NULL && !context_makes(ctx, name)) {
        context_refuse(error, "check the name, and the search_path of the role you connect as",
                       "the referenced table %s does not exist (search_path: %s)", shown, ctx->facts->search_path);
        return FALSE;
    }
    if (ret->table != NULL && ret->table->kind != 'r' && ret->table->kind != 'p') {
        context_refuse(error, NULL, "the referenced relation %s is not a table", shown);
        return FALSE;
    }
    if (ret->table != NULL && ret->table->persistence == 't') {
        context_refuse(error, NULL, "the referenced table %s is temporary", shown);
        return FALSE;
    }
    return TRUE;
}

/* Columns in any order: a foreign key may name those of the key as it likes. */
static gboolean
same_columns(const GPtrArray *a, const GPtrArray *b)
{
    if (a == NULL || b == NULL || a->len != b->len)
        return FALSE;
    for (guint i = 0; i < a->len; i++) {
        if (!g_ptr_array_find_with_equal_func((GPtrArray *)b, g_ptr_array_index(a, i), g_str_equal, NULL))
            return FALSE;
    }
    return TRUE;
}

/* The referenced columns: as written, or those of the primary key. NULL if nothing is known of them. */
static const GPtrArray *
referenced_columns(const ConstraintDef *constraint, const Other *other)
{
    const FactIndex *key = other->table != NULL ? facts_primary_key(other->table) : NULL;

    if (constraint->other_columns->len > 0)
        return constraint->other_columns;
    return key != NULL ? key->columns : NULL;
}

/* What makes the referenced columns unique: an index that is there, or a constraint or an index that this file makes,
 * and in which phase that is. */
static gboolean
find_key(PlanContext *ctx, const ConstraintDef *constraint, const Other *other, Phase *ret_phase, GError **error)
{
    const GPtrArray *columns = referenced_columns(constraint, other);

    *ret_phase = PHASE_EXPAND;
    if (other->table == NULL)
        return TRUE;
    for (guint i = 0; columns != NULL && i < other->table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(other->table->indexes, i);

        if (index->is_unique && index->is_valid && index->is_immediate && !index->is_partial &&
            same_columns(columns, index->columns))
            return TRUE;
    }
    for (int phase = 0; phase < N_PHASES; phase++) {
        for (guint i = 0; i < ctx->phases[phase]->len; i++) {
            const Step *step = g_ptr_array_index(ctx->phases[phase], i);

            if (step->kind == STEP_CONSTRAINT_ADD && step_is_of(step, other->schema, other->name)) {
                *ret_phase = (Phase)phase;
                return TRUE;
            }
        }
    }
    context_refuse(error, "reference its primary key, or add a UNIQUE constraint on these columns before",
                   "there is no unique constraint matching the referenced columns of table %s", other->name);
    return FALSE;
}

/* Rows of the old application leave a column that this file adds NULL, which no foreign key looks at; MATCH FULL wants
 * all of them NULL. */
static gboolean
old_writers_may_violate(const PlanContext *ctx, const Target *target, const ConstraintDef *constraint)
{
    gboolean all_null = TRUE;

    for (guint i = 0; i < constraint->columns->len; i++) {
        const ColumnChange *added = context_added(ctx, target, g_ptr_array_index(constraint->columns, i));

        gboolean is_left_null = added != NULL && added->definition->default_value.text == NULL;

        if (is_left_null && !constraint->is_match_full)
            return FALSE;
        all_null &= is_left_null;
    }
    return target->table != NULL && !(constraint->is_match_full && all_null);
}

static gboolean
check_columns(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, const Other *other,
              GError **error)
{
    const GPtrArray *columns = referenced_columns(constraint, other);

    for (guint i = 0; i < constraint->columns->len; i++) {
        if (!context_check_column(ctx, target, g_ptr_array_index(constraint->columns, i), error))
            return FALSE;
    }
    if (columns != NULL && columns->len != constraint->columns->len) {
        context_refuse(error, NULL, "the foreign key has %u columns, the referenced key of %s has %u",
                       constraint->columns->len, other->name, columns->len);
        return FALSE;
    }
    return TRUE;
}

static gboolean
any_key_begins_with(const GPtrArray *constraints, const char *column)
{
    for (guint i = 0; i < constraints->len; i++) {
        const ConstraintDef *constraint = g_ptr_array_index(constraints, i);

        if ((constraint->kind == CONSTRAINT_PRIMARY || constraint->kind == CONSTRAINT_UNIQUE) &&
            constraint->columns->len > 0 && strcmp(g_ptr_array_index(constraint->columns, 0), column) == 0)
            return TRUE;
    }
    return FALSE;
}

/* A table that the file makes has the indexes of its keys. */
static gboolean
created_key_begins_with(const CreateTableStmt *create, const char *column)
{
    for (guint i = 0; i < create->columns->len; i++) {
        if (any_key_begins_with(((const ColumnDef *)g_ptr_array_index(create->columns, i))->constraints, column))
            return TRUE;
    }
    return any_key_begins_with(create->constraints, column);
}

/* Without an index that begins with them, a DELETE in the other table reads all of this one. */
static void
note_index(PlanContext *ctx, const Target *target, const ConstraintDef *constraint)
{
    const char *first = g_ptr_array_index(constraint->columns, 0);

    if (target->created != NULL && created_key_begins_with(target->created, first))
        return;
    for (guint i = 0; target->table != NULL && i < target->table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(target->table->indexes, i);

        if (index->columns != NULL && index->columns->len > 0 && !index->is_partial &&
            strcmp(g_ptr_array_index(index->columns, 0), first) == 0)
            return;
    }
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt->kind == STMT_CREATE_INDEX && strcmp(stmt->create_index.relation.name, target->name) == 0 &&
            stmt->create_index.uses.columns->len > 0 &&
            strcmp(g_ptr_array_index(stmt->create_index.uses.columns, 0), first) == 0)
            return;
    }
    plan_note(ctx->plan,
              "%s: no index begins with column \"%s\": each DELETE and each change of the key in %s will read "
              "all of %s",
              ctx->stmt->place, first, constraint->other.name, target->name);
}

/* Rows whose reference nobody has. MATCH FULL aside, a NULL in any column is none. */
static void
find_orphans(Step *step, const Target *target, const ConstraintDef *constraint, const Other *other)
{
    const GPtrArray *columns = referenced_columns(constraint, other);
    g_autoptr(GString) join = g_string_new(NULL);
    g_autoptr(GString) filled = g_string_new(NULL);
    SqlArg table = sql_name(target->schema, target->name);
    SqlArg parent = sql_name(other->schema, other->name);

    if (columns == NULL)
        return;
    for (guint i = 0; i < columns->len; i++) {
        g_autofree char *child_column = sql_quote_name("f", g_ptr_array_index(constraint->columns, i));
        g_autofree char *parent_column = sql_quote_name("r", g_ptr_array_index(columns, i));

        g_string_append_printf(join, "%s%s = %s", i > 0 ? " AND " : "", parent_column, child_column);
        g_string_append_printf(filled, "%s IS NOT NULL AND ", child_column);
    }
    step_append(step, PARAM_COUNT,
                sql_build("SELECT pg_catalog.count(*) FROM ? AS f WHERE ? NOT EXISTS (SELECT FROM ? AS r WHERE ?)",
                          table, sql_raw(filled->str), parent, sql_raw(join->str)));
    step_append(step, PARAM_SHOW,
                sql_build("SELECT CAST(f AS pg_catalog.text) FROM ? AS f WHERE ? NOT EXISTS (SELECT FROM ? AS r WHERE "
                          "?) LIMIT 5",
                          table, sql_raw(filled->str), parent, sql_raw(join->str)));
}

static void
lock_both(Step *step, const Target *target, const Other *other, LockMode mode, LockMode other_mode, LockHold hold)
{
    context_lock(step, target, mode, hold);
    if (strcmp(target->name, other->name) != 0 || strcmp(target->schema, other->schema) != 0)
        step_add_lock(step, other->schema, other->name, other_mode, hold,
                      other->table == NULL || other->table->is_owned);
    for (guint i = 0; other->table != NULL && i < other->table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(other->table->descendants, i);

        if (other->table->kind == 'p')
            step_add_lock(step, member->schema, member->name, other_mode, hold, member->is_owned);
    }
}

static void
add_steps(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, const Other *other, Phase phase,
          const char *name)
{
    SqlArg table = sql_name(target->schema, target->name);
    g_autofree char *plain = effect_describe("ADD FOREIGN KEY", ctx->facts->server_version);
    Step *step;

    if (target->created != NULL && target->created->is_partitioned) {
        step = context_step(ctx, phase, STEP_DDL_RUN, target);
        step->sql = sql_build("ALTER TABLE ? ADD CONSTRAINT ? ?", table, sql_ident(name), sql_raw(constraint->body));
        step->why = g_strdup("the table is made by this file and has no rows: nothing is looked up");
        step_append(step, PARAM_UNDO, sql_build("ALTER TABLE ? DROP CONSTRAINT ?", table, sql_ident(name)));
        lock_both(step, target, other, LOCK_SHARE_ROW_EXCLUSIVE, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT);
        return;
    }
    step = context_step(ctx, phase, STEP_FOREIGN_KEY_ADD_NOT_VALID, target);

    step->sql = sql_build("ALTER TABLE ? ADD CONSTRAINT ? ??", table, sql_ident(name), sql_raw(constraint->body),
                          sql_raw(constraint->is_not_valid ? "" : " NOT VALID"));
    step->why = g_strdup_printf("as it stands it takes %s on both tables; this way only new rows are looked up%s",
                                plain, phase == PHASE_CONTRACT ? "; rows of the old application might violate it" : "");
    step_set(step, PARAM_CONSTRAINT, name);
    lock_both(step, target, other, LOCK_SHARE_ROW_EXCLUSIVE, LOCK_SHARE_ROW_EXCLUSIVE, HOLD_INSTANT);
    if (constraint->is_not_valid) {
        plan_note(ctx->plan, "%s: \"%s\" stays NOT VALID, as written: existing rows are not looked up",
                  ctx->stmt->place, name);
        return;
    }
    step = context_step(ctx, phase, STEP_FOREIGN_KEY_VALIDATE, target);
    step->sql = sql_build("ALTER TABLE ? VALIDATE CONSTRAINT ?", table, sql_ident(name));
    step->why = g_strdup("looks up every row once, while reads and writes of both tables go on");
    step->rows = target->table != NULL ? target->table->rows : 0;
    step_set(step, PARAM_CONSTRAINT, name);
    find_orphans(step, target, constraint, other);
    lock_both(step, target, other, LOCK_SHARE_UPDATE_EXCLUSIVE, LOCK_ROW_SHARE, HOLD_SCAN);
}

/* A leaf has it under the same name already, or another constraint of that name: its own could not be adopted. */
static gboolean
check_leaves(const Target *target, const char *name, GError **error)
{
    for (guint i = 0; i < target->table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(target->table->descendants, i);
        Target leaf = {member->schema, member->name, member, NULL};

        if (member->kind != 'f' && context_constraint(&leaf, name) == NULL)
            continue;
        context_refuse(error, "give the constraint another name",
                       "partition %s.%s %s: the foreign key could not be made on it beforehand", member->schema,
                       member->name,
                       member->kind == 'f' ? "is a foreign table" : "has a constraint of that name already");
        return FALSE;
    }
    return TRUE;
}

/* Before 18 a partitioned table takes no NOT VALID foreign key: each leaf gets its own, proven, and the parent's adopts
 * them without a look at the rows (research: recipe R3p). */
static void
add_partitioned(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, const Other *other,
                Phase phase, const char *name)
{
    SqlArg table = sql_name(target->schema, target->name);
    Step *step;

    for (guint i = 0; i < target->table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(target->table->descendants, i);
        Target leaf = {member->schema, member->name, member, NULL};

        if (member->kind != 'p')
            add_steps(ctx, &leaf, constraint, other, phase, name);
    }
    step = context_step(ctx, phase, STEP_DDL_RUN, target);
    step->sql = sql_build("ALTER TABLE ? ADD CONSTRAINT ? ?", table, sql_ident(name), sql_raw(constraint->body));
    step->why = g_strdup("all partitions have it, proven: only catalog rows change");
    step_set(step, PARAM_CONSTRAINT, name);
    step_append(step, PARAM_UNDO, sql_build("ALTER TABLE ? DROP CONSTRAINT IF EXISTS ?", table, sql_ident(name)));
    lock_both(step, target, other, LOCK_SHARE_ROW_EXCLUSIVE, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    step_add_undo_lock(step, target->schema, target->name, LOCK_ACCESS_EXCLUSIVE, TRUE);
    for (guint i = 0; i < target->table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(target->table->descendants, i);

        step_add_undo_lock(step, member->schema, member->name, LOCK_ACCESS_EXCLUSIVE, member->is_owned);
    }
}

gboolean
recipe_foreign_key(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error)
{
    g_autofree char *name = NULL;
    Phase key_phase;
    Phase phase;
    Other other;

    if (!find_other(ctx, constraint, &other, error) || !check_columns(ctx, target, constraint, &other, error) ||
        !find_key(ctx, constraint, &other, &key_phase, error))
        return FALSE;
    name = context_constraint_name(ctx, target, constraint, error);
    if (name == NULL)
        return FALSE;
    phase = context_phase_after(ctx, target, old_writers_may_violate(ctx, target, constraint));
    if (rewrite_changes(ctx, other.table, referenced_columns(constraint, &other)))
        phase = MAX(phase, PHASE_BACKFILL);
    if (target->table != NULL && target->table->kind == 'p' && ctx->facts->server_version < 180000) {
        if (constraint->is_not_valid) {
            context_refuse(error, "leave NOT VALID out",
                           "PostgreSQL takes no NOT VALID foreign key for a partitioned table");
            return FALSE;
        }
        if (!check_leaves(target, name, error))
            return FALSE;
        add_partitioned(ctx, target, constraint, &other, MAX(phase, key_phase), name);
    } else
        add_steps(ctx, target, constraint, &other, MAX(phase, key_phase), name);
    note_index(ctx, target, constraint);
    return TRUE;
}
