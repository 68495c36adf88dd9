/*
 * ALTER COLUMN TYPE beside a version: the new type in a hidden column.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/objects.h"
#include "plan/recipe_column.h"
#include "plan/version_twin.h"
#include "rules/type_change.h"

static gboolean
check_column(PlanContext *ctx, const FactTable *table, const FactColumn *column, GError **error)
{
    g_autofree char *hanging = version_hanging(ctx, table, column);

    if (hanging[0] == '\0')
        return TRUE;
    context_refuse(error,
                   "change the type in a migration without a version: an online rewrite carries all of that over, and "
                   "both applications see the new type from its cut-over on",
                   "the type of column \"%s\" cannot change beside a version: %s would go with the old column",
                   column->name, hanging);
    return FALSE;
}

/* SET and DROP DEFAULT of the column are taken along. */
static gboolean
speaks_of(const Stmt *stmt, const AlterCmd *retyping)
{
    const char *column = retyping->column;

    if (stmt->kind != STMT_ALTER_TABLE)
        return sql_mentions(stmt->text, column);
    for (guint i = 0; i < stmt->alter_table.cmds->len; i++) {
        const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, i);
        gboolean is_default = cmd->kind == ALTER_SET_DEFAULT || cmd->kind == ALTER_DROP_DEFAULT;

        if (cmd != retyping && !(is_default && strcmp(cmd->column, column) == 0) && sql_mentions(cmd->text, column))
            return TRUE;
    }
    return FALSE;
}

/* What the file does to the old column would go with it; what it makes of it would keep it from going. Looked for as
 * text: a column of that name in another table is one refusal too many. */
static gboolean
check_file(PlanContext *ctx, const AlterCmd *cmd, GError **error)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (!speaks_of(stmt, cmd))
            continue;
        context_refuse(error, "put it into a migration of its own, after this one is complete",
                       "the type of column \"%s\" changes beside a version, and %s speaks of the column, too",
                       cmd->column, stmt->place);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_new_type(PlanContext *ctx, const FactTable *table, const AlterCmd *cmd, GError **error)
{
    const FactType *type = g_hash_table_lookup(ctx->facts->types, cmd->definition.type);

    if (cmd->definition.base != NULL || facts_column(table, cmd->column)->has_collation) {
        context_refuse(error, "change it in a migration without a version",
                       "column \"%s\" has a collation of its own, before or after the change", cmd->column);
        return FALSE;
    }
    if (type == NULL || !type->is_constrained_domain)
        return TRUE;
    context_refuse(error, "use the domain's base type, and a CHECK",
                   "%s is a domain with constraints: a column of it writes every row anew", cmd->definition.type);
    return FALSE;
}

gboolean
version_retypes(const Script *script, const RelName *table, const char *column)
{
    for (guint i = 0; script->version != NULL && i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        if (stmt_alter(stmt, ALTER_COLUMN_TYPE, column) != NULL &&
            strcmp(stmt->alter_table.relation.name, table->name) == 0 &&
            g_strcmp0(stmt->alter_table.relation.schema, table->schema) == 0)
            return TRUE;
    }
    return FALSE;
}

/* TRUE if the file says what becomes of the default. */
static gboolean
has_word_on_default(const PlanContext *ctx, const char *column)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt_alter(stmt, ALTER_SET_DEFAULT, column) != NULL || stmt_alter(stmt, ALTER_DROP_DEFAULT, column) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* As PostgreSQL itself asks for it, where the default has no cast to the new type. A type that is not there yet cannot
 * be asked. */
static gboolean
check_default(const PlanContext *ctx, const FactColumn *column, const AlterCmd *cmd, GError **error)
{
    if (column->default_expr == NULL || has_word_on_default(ctx, cmd->column) ||
        !column_is_type_of_file(ctx, &cmd->definition))
        return TRUE;
    context_refuse(error, "say what it shall be: ALTER COLUMN ... SET DEFAULT, in this same file",
                   "the default of column \"%s\" is of its old type: %s", column->name, column->default_expr);
    return FALSE;
}

/* Plan an ALTER TABLE that we make ourselves, as one of the file. `text` is taken over. */
static gboolean
plan_generated(PlanContext *ctx, char *text, GError **error)
{
    const Stmt *written = ctx->stmt;
    int place = ctx->offset;
    const Stmt *stmt = context_generate(ctx, text, error);
    gboolean ok;

    if (stmt == NULL)
        return FALSE;
    ctx->stmt = stmt;
    ok = recipe_alter_table(ctx, error);
    ctx->stmt = written;
    ctx->offset = place;
    return ok;
}

/* One of them would be read by nobody. */
static gboolean
check_once(const PlanContext *ctx, const AlterCmd *cmd, GError **error)
{
    if (cmd->default_value.text == NULL || stmt_up(ctx->stmt, cmd->column) == NULL)
        return TRUE;
    context_refuse(error, "leave one of them out", "column \"%s\" has both USING and the directive \"up\"",
                   cmd->column);
    return FALSE;
}

/* A column that only the catalog has to hear of is not copied, unless the file says how both types go together. */
static gboolean
check_needed(const PlanContext *ctx, const FactColumn *column, const AlterCmd *cmd, GError **error)
{
    const FactType *type = g_hash_table_lookup(ctx->facts->types, cmd->definition.type);
    TypeChange change = TYPE_CHANGE_REWRITE;

    if (type != NULL && type->formatted != NULL)
        change = type_change(column->type, type->formatted, ctx->facts->time_zone);
    if (change == TYPE_CHANGE_NONE) {
        context_refuse(error, "leave it out", "column \"%s\" is of type %s already", cmd->column, column->type);
        return FALSE;
    }
    if (change != TYPE_CHANGE_CATALOG || cmd->default_value.text != NULL || stmt_up(ctx->stmt, cmd->column) != NULL ||
        stmt_down(ctx->stmt, cmd->column) != NULL)
        return TRUE;
    context_refuse(error,
                   "put it into a migration without a version: nothing is copied there. Where the old application must "
                   "go on with the old type, say how it gets its value: -- pgseam: down column = expression",
                   "%s to %s changes catalog rows only: a version would copy column \"%s\" for it", column->type,
                   type->formatted, cmd->column);
    return FALSE;
}

gboolean
version_retype(PlanContext *ctx, const Target *target, const AlterCmd *cmd, GError **error)
{
    const FactColumn *column = facts_column(target->table, cmd->column);
    g_autofree char *hidden = name_bounded("new", column->name);

    if (!check_once(ctx, cmd, error) || !check_needed(ctx, column, cmd, error) ||
        !check_column(ctx, target->table, column, error) || !check_file(ctx, cmd, error) ||
        !check_new_type(ctx, target->table, cmd, error) || !check_default(ctx, column, cmd, error) ||
        !plan_generated(ctx,
                        sql_build("ALTER TABLE ? ADD COLUMN ? ?", sql_name(target->schema, target->name),
                                  sql_ident(hidden), sql_raw(cmd->definition.type)),
                        error))
        return FALSE;
    return !column->is_not_null || plan_generated(ctx,
                                                  sql_build("ALTER TABLE ? ALTER COLUMN ? SET NOT NULL",
                                                            sql_name(target->schema, target->name), sql_ident(hidden)),
                                                  error);
}
