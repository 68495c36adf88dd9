/*
 * ALTER TABLE (split into its subcommands) and CREATE TABLE, whose foreign keys to tables in use are split off.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"
#include "plan/recipe.h"
#include "plan/recipe_column.h"
#include "plan/version_move.h"

typedef gboolean (*AlterRecipe)(PlanContext *, const Target *, const AlterCmd *, const char *sql, GError **);

static const AlterRecipe alter_recipes[] = {
    [ALTER_ADD_COLUMN] = recipe_column_add,
    [ALTER_DROP_COLUMN] = recipe_column_drop,
    [ALTER_SET_DEFAULT] = recipe_default,
    [ALTER_DROP_DEFAULT] = recipe_default,
    [ALTER_SET_NOT_NULL] = recipe_set_not_null,
    [ALTER_DROP_NOT_NULL] = recipe_drop_not_null,
    [ALTER_ADD_CONSTRAINT] = recipe_add_constraint,
    [ALTER_VALIDATE_CONSTRAINT] = recipe_validate_constraint,
    [ALTER_DROP_CONSTRAINT] = recipe_drop_constraint,
    [ALTER_COLUMN_TYPE] = recipe_column_type,
    [ALTER_INHERIT] = recipe_alter_inherit,
    [ALTER_NO_INHERIT] = recipe_alter_inherit,
    [ALTER_ATTACH_PARTITION] = recipe_attach,
    [ALTER_DETACH_PARTITION] = recipe_detach,
    [ALTER_OTHER] = recipe_alter_other,
};

static gboolean
alter_one(PlanContext *ctx, const Target *target, const AlterCmd *cmd, GError **error)
{
    const AlterTableStmt *alter = &ctx->stmt->alter_table;
    g_autofree char *sql = NULL;

    ctx->offset = ctx->stmt->offset + cmd->offset;
    if (alter->cmds->len == 1)
        sql = g_strdup(ctx->stmt->text);
    else
        sql = g_strdup_printf("%.*s%s", alter->head_length, ctx->stmt->text, cmd->text);
    return family_check(ctx, target, cmd, error) && alter_recipes[cmd->kind](ctx, target, cmd, sql, error);
}

/* NO INHERIT and DETACH wait for the contract phase: until then a statement on the parent still reaches the member that
 * the file has let go of. */
static gboolean
check_let_go(PlanContext *ctx, const Target *target, GError **error)
{
    AlterKind kind = ((const AlterCmd *)g_ptr_array_index(ctx->stmt->alter_table.cmds, 0))->kind;

    if (kind == ALTER_DETACH_PARTITION || kind == ALTER_ATTACH_PARTITION)
        return TRUE;
    for (guint i = 0; target->table != NULL && i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt == ctx->stmt)
            break;
        for (guint k = 0; stmt->kind == STMT_ALTER_TABLE && k < stmt->alter_table.cmds->len; k++) {
            const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, k);
            const RelName *parent = cmd->kind == ALTER_NO_INHERIT         ? &cmd->partition
                                    : cmd->kind == ALTER_DETACH_PARTITION ? &stmt->alter_table.relation
                                                                          : NULL;

            if (parent == NULL || parent->name == NULL ||
                facts_find(ctx->facts, parent->schema, parent->name) != target->table)
                continue;
            context_refuse(error, "put this statement into a migration of its own, after this one",
                           "%s lets a member of table %s go, but only in the contract phase: this statement would "
                           "still reach it",
                           stmt->place, target->name);
            return FALSE;
        }
    }
    return TRUE;
}

gboolean
recipe_alter_table(PlanContext *ctx, GError **error)
{
    const AlterTableStmt *alter = &ctx->stmt->alter_table;
    const Target *target;

    if (alter->if_exists && facts_find(ctx->facts, alter->relation.schema, alter->relation.name) == NULL &&
        !context_makes(ctx, &alter->relation)) {
        plan_note(ctx->plan, "%s: there is no table %s, nothing to do", ctx->stmt->place, alter->relation.name);
        return TRUE;
    }
    target = context_target_of(ctx, &alter->relation, "rp", error);
    if (target == NULL || !check_let_go(ctx, target, error))
        return FALSE;
    for (guint i = 0; i < alter->cmds->len; i++) {
        if (!alter_one(ctx, target, g_ptr_array_index(alter->cmds, i), error))
            return FALSE;
    }
    return TRUE;
}

/* A foreign key to a table that was there before locks it: it comes in steps of its own. */
static gboolean
is_split_off(const PlanContext *ctx, const Target *target, const ConstraintDef *constraint)
{
    const RelName *other = &constraint->other;

    return constraint->kind == CONSTRAINT_FOREIGN && !context_makes(ctx, other) &&
           !(strcmp(other->name, target->name) == 0 && g_strcmp0(context_schema_of(ctx, other), target->schema) == 0);
}

/* The constraints of a CREATE TABLE that are split off: inline ones and those of the table. The caller unrefs. */
static GPtrArray *
split_off(const PlanContext *ctx, const Target *target, const CreateTableStmt *create)
{
    GPtrArray *split = g_ptr_array_new();

    for (guint i = 0; i < create->columns->len; i++) {
        const ColumnDef *column = g_ptr_array_index(create->columns, i);

        for (guint k = 0; k < column->constraints->len; k++) {
            if (is_split_off(ctx, target, g_ptr_array_index(column->constraints, k)))
                g_ptr_array_add(split, g_ptr_array_index(column->constraints, k));
        }
    }
    for (guint i = 0; i < create->constraints->len; i++) {
        if (is_split_off(ctx, target, g_ptr_array_index(create->constraints, i)))
            g_ptr_array_add(split, g_ptr_array_index(create->constraints, i));
    }
    return split;
}

/* An element without the inline constraints that are split off; empty if it is one itself. */
char *
context_without(const char *text, const Slice *element, const GPtrArray *split)
{
    GString *kept = g_string_new(NULL);
    int at = element->start;

    for (guint i = 0; i < split->len; i++) {
        const ConstraintDef *constraint = g_ptr_array_index(split, i);

        if (constraint->start < element->start || constraint->end > element->end)
            continue;
        g_string_append_len(kept, text + at, constraint->start - at);
        at = constraint->end;
    }
    g_string_append_len(kept, text + at, element->end - at);
    return g_strchomp(g_string_free(kept, FALSE));
}

/* The user's text, with the split parts and their commas left out. */
static char *
without(const Stmt *stmt, const GPtrArray *split)
{
    const GArray *elements = stmt->create_table.elements;
    GString *out = g_string_new(NULL);
    gboolean any = FALSE;

    g_string_append_len(out, stmt->text, g_array_index(elements, Slice, 0).start);
    for (guint i = 0; i < elements->len; i++) {
        g_autofree char *kept = context_without(stmt->text, &g_array_index(elements, Slice, i), split);

        if (kept[0] == '\0')
            continue;
        /* A comment may be what it ends in. */
        g_string_append_printf(out, "%s%s\n", any ? ", " : "", kept);
        any = TRUE;
    }
    g_string_append(out, stmt->text + g_array_index(elements, Slice, elements->len - 1).end);
    return g_string_free(out, FALSE);
}

static Step *
add_create(PlanContext *ctx, const Target *target, const GPtrArray *split)
{
    const CreateTableStmt *create = &ctx->stmt->create_table;
    Step *step = context_step(ctx, PHASE_EXPAND, STEP_TABLE_CREATE, target);

    step->sql = split->len > 0 ? without(ctx->stmt, split) : g_strdup(ctx->stmt->text);
    step->why = g_strdup_printf("a new table: nobody else can see it before it is there%s",
                                split->len > 0 ? "; its foreign keys to tables that are in use follow apart" : "");
    step_add_lock(step, target->schema, target->name, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, FALSE);
    for (guint i = 0; i < create->sources->len; i++) {
        const RelName *name = g_ptr_array_index(create->sources, i);
        const FactTable *source = facts_find(ctx->facts, name->schema, name->name);

        if (source != NULL)
            step_add_lock(step, source->schema, source->name, LOCK_ACCESS_SHARE, HOLD_INSTANT, FALSE);
    }
    return step;
}

static gboolean
check_sources(PlanContext *ctx, const CreateTableStmt *create, GError **error)
{
    for (guint i = 0; i < create->sources->len; i++) {
        const RelName *name = g_ptr_array_index(create->sources, i);

        if (facts_find(ctx->facts, name->schema, name->name) == NULL && !context_makes(ctx, name)) {
            context_refuse(error, NULL, "the table %s of LIKE does not exist", name->name);
            return FALSE;
        }
    }
    return TRUE;
}

/* The names that the constraints which stay in the statement get, in the server's order: checks, then indexes, then
 * foreign keys (transformCreateStmt); so that later ones find them taken. */
static gboolean
claim_kind(PlanContext *ctx, const Target *target, const GPtrArray *constraints, const GPtrArray *split,
           ConstraintKind kind, GError **error)
{
    for (guint i = 0; i < constraints->len; i++) {
        const ConstraintDef *constraint = g_ptr_array_index(constraints, i);
        g_autofree char *name = NULL;

        if (constraint->kind != kind || g_ptr_array_find((GPtrArray *)split, constraint, NULL))
            continue;
        name = context_constraint_name(ctx, target, constraint, error);
        if (name == NULL)
            return FALSE;
        if (kind == CONSTRAINT_UNIQUE || kind == CONSTRAINT_PRIMARY)
            g_hash_table_add(ctx->index_names, sql_quote_name(target->schema, name));
    }
    return TRUE;
}

static gboolean
claim_names(PlanContext *ctx, const Target *target, const GPtrArray *split, GError **error)
{
    static const ConstraintKind order[] = {CONSTRAINT_CHECK, CONSTRAINT_PRIMARY, CONSTRAINT_UNIQUE, CONSTRAINT_FOREIGN};
    const CreateTableStmt *create = &ctx->stmt->create_table;

    for (guint i = 0; i < create->columns->len; i++) {
        const ColumnDef *column = g_ptr_array_index(create->columns, i);

        if (context_is_serial(column->type_name) || column_identity(column) != NULL)
            g_free(column_sequence_name(ctx, target, column->name));
    }
    for (gsize k = 0; k < G_N_ELEMENTS(order); k++) {
        for (guint i = 0; i < create->columns->len; i++) {
            const ColumnDef *column = g_ptr_array_index(create->columns, i);

            if (!claim_kind(ctx, target, column->constraints, split, order[k], error))
                return FALSE;
        }
        if (!claim_kind(ctx, target, create->constraints, split, order[k], error))
            return FALSE;
    }
    return TRUE;
}

/* A foreign key without a name that stays and one that is split off would get each other's. */
static gboolean
check_mixed_names(PlanContext *ctx, const CreateTableStmt *create, const GPtrArray *split, GError **error)
{
    gboolean any_unnamed = FALSE;

    for (guint i = 0; i < split->len; i++)
        any_unnamed |= ((const ConstraintDef *)g_ptr_array_index(split, i))->name == NULL;
    for (guint i = 0; any_unnamed && i < create->constraints->len; i++) {
        const ConstraintDef *constraint = g_ptr_array_index(create->constraints, i);

        if (constraint->kind != CONSTRAINT_FOREIGN || constraint->name != NULL ||
            g_ptr_array_find((GPtrArray *)split, constraint, NULL))
            continue;
        context_refuse(error, "give the foreign keys names: CONSTRAINT name FOREIGN KEY ...",
                       "foreign keys without names, some to tables that are in use and some to the new table itself: "
                       "they would not get the names that a plain CREATE TABLE gives");
        return FALSE;
    }
    return TRUE;
}

static gboolean
create_steps(PlanContext *ctx, const Target *target, GError **error)
{
    g_autoptr(GPtrArray) split = split_off(ctx, target, &ctx->stmt->create_table);

    if (!check_mixed_names(ctx, &ctx->stmt->create_table, split, error) || !claim_names(ctx, target, split, error))
        return FALSE;
    if (!recipe_inherit(ctx, target, add_create(ctx, target, split), error))
        return FALSE;
    for (guint i = 0; i < split->len; i++) {
        if (!recipe_foreign_key(ctx, target, g_ptr_array_index(split, i), error))
            return FALSE;
    }
    return TRUE;
}

gboolean
recipe_create_table(PlanContext *ctx, GError **error)
{
    const CreateTableStmt *create = &ctx->stmt->create_table;
    const char *schema = context_schema_of(ctx, &create->relation);
    const FactTable *existing;
    gboolean is_there;
    g_autofree char *shown = sql_quote_name(schema, create->relation.name);
    const Target *target;

    if (schema == NULL) {
        context_refuse(error, "name the schema", "the search_path has no schema to create table %s in", shown);
        return FALSE;
    }
    existing = facts_find(ctx->facts, create->relation.schema, create->relation.name);
    if (existing != NULL && strcmp(existing->schema, schema) != 0) {
        context_refuse(error, "write the schema in front of the name, here and below",
                       "table %s would hide %s.%s, which this "
                       "name means now",
                       shown, existing->schema, existing->name);
        return FALSE;
    }
    is_there = existing != NULL || context_is_created(ctx, schema, create->relation.name);
    if (existing != NULL && objects_is_table_gone(ctx, existing->schema, existing->name)) {
        context_refuse(error, "give the new table another name, or make it in a migration after this one",
                       "table %s is dropped by an earlier statement, which waits for the contract phase", shown);
        return FALSE;
    }
    if (is_there && create->if_not_exists) {
        plan_note(ctx->plan, "%s: relation %s is there already, nothing to do", ctx->stmt->place, shown);
        return TRUE;
    }
    if (is_there) {
        context_refuse(error, NULL, "relation %s exists already", shown);
        return FALSE;
    }
    if (create->unsupported != NULL) {
        g_autofree char *what = g_strconcat("CREATE TABLE with ", create->unsupported, NULL);
        context_not_yet(error, NULL, what);
        return FALSE;
    }
    if (!check_sources(ctx, create, error))
        return FALSE;
    target = context_create(ctx, schema, create);
    if (!create_steps(ctx, target, error))
        return FALSE;
    if (!version_move_fills(ctx, create))
        plan_note(ctx->plan, "%s: rollback drops table %s with the rows that the new application has written to it",
                  ctx->stmt->place, shown);
    return TRUE;
}
