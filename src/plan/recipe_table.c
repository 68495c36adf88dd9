/*
 * ALTER TABLE (split into its subcommands) and CREATE TABLE.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/recipe.h"

typedef gboolean (*AlterRecipe)(PlanContext *, const Target *, const AlterCmd *, const char *sql, GError **);

static const AlterRecipe alter_recipes[] = {
    [ALTER_ADD_COLUMN] = recipe_column_add,
    [ALTER_DROP_COLUMN] = recipe_column_drop,
    [ALTER_SET_DEFAULT] = recipe_default,
    [ALTER_DROP_DEFAULT] = recipe_default,
    [ALTER_SET_NOT_NULL] = recipe_set_not_null,
    [ALTER_DROP_NOT_NULL] = recipe_drop_not_null,
    [ALTER_OTHER] = NULL,
};

static gboolean
alter_one(PlanContext *ctx, const Target *target, const AlterCmd *cmd, GError **error)
{
    const AlterTableStmt *alter = &ctx->stmt->alter_table;
    g_autofree char *sql = NULL;

    ctx->offset = ctx->stmt->offset + cmd->offset;
    if (alter_recipes[cmd->kind] == NULL) {
        g_autofree char *what = g_strconcat("ALTER TABLE ... ", cmd->what, NULL);
        context_not_yet(
            error, "see `pgseam plan --help` for what is; -- pgseam: allow opaque because ... runs it as it stands",
            what);
        return FALSE;
    }
    if (alter->cmds->len == 1)
        sql = g_strdup(ctx->stmt->text);
    else
        sql = g_strdup_printf("%.*s%s", alter->head_length, ctx->stmt->text, cmd->text);
    return family_check(ctx, target, cmd, error) && alter_recipes[cmd->kind](ctx, target, cmd, sql, error);
}

gboolean
recipe_alter_table(PlanContext *ctx, GError **error)
{
    const AlterTableStmt *alter = &ctx->stmt->alter_table;
    const Target *target;

    if (alter->if_exists && facts_find(ctx->facts, alter->relation.schema, alter->relation.name) == NULL) {
        plan_note(ctx->plan, "line %d: there is no table %s, nothing to do", ctx->stmt->line, alter->relation.name);
        return TRUE;
    }
    target = context_target_of(ctx, &alter->relation, "rp", error);
    if (target == NULL)
        return FALSE;
    for (guint i = 0; i < alter->cmds->len; i++) {
        if (!alter_one(ctx, target, g_ptr_array_index(alter->cmds, i), error))
            return FALSE;
    }
    return TRUE;
}

gboolean
recipe_create_table(PlanContext *ctx, GError **error)
{
    const CreateTableStmt *create = &ctx->stmt->create_table;
    const char *schema = create->relation.schema != NULL ? create->relation.schema : ctx->facts->creation_schema;
    const FactTable *existing;
    gboolean is_there;
    g_autofree char *shown = sql_quote_name(schema, create->relation.name);
    const Target *target;
    Step *step;

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
    if (is_there && create->if_not_exists) {
        plan_note(ctx->plan, "line %d: relation %s is there already, nothing to do", ctx->stmt->line, shown);
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
    target = context_create(ctx, schema, create);
    step = context_step(ctx, PHASE_EXPAND, STEP_TABLE_CREATE, target);
    step->sql = g_strdup(ctx->stmt->text);
    step->why = g_strdup("a new table: nobody else can see it before it is there");
    step_add_lock(step, target->schema, target->name, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, FALSE);
    plan_note(ctx->plan, "line %d: rollback drops table %s with the rows that the new application has written to it",
              ctx->stmt->line, shown);
    return TRUE;
}
