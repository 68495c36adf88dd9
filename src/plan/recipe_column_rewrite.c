/*
 * What an online rewrite does to columns: other types, stored generated columns, columns of a domain with conditions.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/objects.h"
#include "plan/recipe_column.h"
#include "plan/recipe_rewrite.h"

/* USING that is no mere cast says nothing about the way back. */
static gboolean
check_way_back(PlanContext *ctx, const AlterCmd *cmd, const Assignment *down, const char *old_type, GError **error)
{
    g_autofree char *column = sql_quote_ident(cmd->column);
    g_autofree char *hint = NULL;

    if (down != NULL || cmd->is_plain_using || ctx->stmt->one_way != NULL)
        return TRUE;
    hint = g_strdup_printf("write above the statement how the old %s comes from the new row: -- pgseam: down %s = "
                           "expression; or do without: -- pgseam: allow one-way because ...",
                           old_type, column);
    context_refuse(
        error, hint,
        "USING %s has no known way back: rows written after the cut-over could not be kept in the old table, "
        "and rollback would lose them",
        cmd->default_value.text);
    return FALSE;
}

/* What one key column becomes must follow from the old key alone: rows are found by it. */
static gboolean
check_key(const Target *target, const AlterCmd *cmd, const Expr *expr, const char *what, GError **error)
{
    const FactIndex *key = rewrite_key(target->table);

    if (!names_contain(key->columns, cmd->column))
        return TRUE;
    for (guint i = 0; i < expr->columns->len && !expr->has_whole_row; i++) {
        const char *column = g_ptr_array_index(expr->columns, i);

        if (names_contain(key->columns, column) || strcmp(column, target->name) == 0)
            continue;
        context_refuse(
            error, "add a column and fill it with an UPDATE, then make it the key",
            "%s reads column \"%s\", but column \"%s\" belongs to the key by which changed rows are found: its "
            "value must follow from the key alone",
            what, column, cmd->column);
        return FALSE;
    }
    if (!expr->has_whole_row)
        return TRUE;
    context_refuse(error, "name the columns", "%s of a key column reads the whole row", what);
    return FALSE;
}

static gboolean
check_expr(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const Expr *expr, const char *what,
           GError **error)
{
    if (expr->text == NULL)
        return TRUE;
    for (guint i = 0; i < expr->columns->len; i++) {
        const char *column = g_ptr_array_index(expr->columns, i);

        if (strcmp(column, target->name) != 0 && facts_column(target->table, column) == NULL &&
            !context_has_column(ctx, target, column))
            return context_check_column(ctx, target, column, error);
        if (context_added(ctx, target, column) == NULL)
            continue;
        context_refuse(error, "put the change of type into a migration of its own, after this one",
                       "%s reads column \"%s\", which is added in this same file", what, column);
        return FALSE;
    }
    return context_check_expr(ctx, target, expr, NULL, error) && rewrite_check_expr(ctx, expr, what, error) &&
           check_key(target, cmd, expr, what, error);
}

/* PostgreSQL computes a stored generated column from what it reads, and does not let that change its type. */
static gboolean
check_generated(const FactTable *table, const char *column, GError **error)
{
    for (guint i = 0; i < table->columns->len; i++) {
        const FactColumn *other = g_ptr_array_index(table->columns, i);

        if (!other->is_generated || other->default_expr == NULL)
            continue;
        if (strcmp(other->name, column) != 0 && !sql_mentions(other->default_expr, column))
            continue;
        context_refuse(error,
                       strcmp(other->name, column) == 0
                           ? "drop it, and add it anew with the other type"
                           : "drop the generated column first, and add it anew afterwards, in migrations of their own",
                       strcmp(other->name, column) == 0
                           ? "column \"%s\" is generated"
                           : "the type of column \"%s\" is used by generated column \"%s\"",
                       column, other->name);
        return FALSE;
    }
    return TRUE;
}

/* USING reads the table as it is before the copy; PostgreSQL would give it what an earlier statement has made of it. */
static gboolean
check_others(const TableRewrite *rewrite, const AlterCmd *cmd, GError **error)
{
    for (guint i = 0; i < rewrite->parts->len; i++) {
        const RewritePart *part = g_ptr_array_index(rewrite->parts, i);
        gboolean reads = part->old_type != NULL && cmd->default_value.text != NULL &&
                         names_contain(cmd->default_value.columns, part->column);
        gboolean is_read = part->up != NULL && names_contain(part->up->columns, cmd->column);

        if (!reads && !is_read)
            continue;
        context_refuse(error, "put one of the two into a migration of its own",
                       "%s changes the type of column \"%s\" in the same copy, and USING of one reads the other",
                       part->stmt->place, part->column);
        return FALSE;
    }
    return TRUE;
}

/* Pairs whose values stay apart. */
static gboolean
is_injective(const char *from, const char *to)
{
    static const struct {
        const char *from;
        const char *to;
    } pairs[] = {{"smallint", "integer"},
                 {"smallint", "bigint"},
                 {"integer", "bigint"},
                 {"smallint", "numeric"},
                 {"integer", "numeric"},
                 {"bigint", "numeric"},
                 {"smallint", "text"},
                 {"integer", "text"},
                 {"bigint", "text"},
                 {"uuid", "text"},
                 {"real", "double precision"},
                 {"character varying", "text"},
                 {"character varying", "character varying"},
                 {"text", "character varying"},
                 {"date", "timestamp without time zone"}};

    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        gsize length = strlen(pairs[i].from);
        gsize to_length = strlen(pairs[i].to);

        if (strncmp(from, pairs[i].from, length) == 0 && (from[length] == '\0' || from[length] == '(') &&
            strncmp(to, pairs[i].to, to_length) == 0 && (to[to_length] == '\0' || to[to_length] == '('))
            return TRUE;
    }
    return FALSE;
}

gboolean
column_rewrite_type(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *reason, GError **error)
{
    const FactColumn *column = facts_column(target->table, cmd->column);
    const FactType *type = g_hash_table_lookup(ctx->facts->types, cmd->definition.type);
    TableRewrite *rewrite = rewrite_plan(ctx, target, error);
    const Assignment *down = stmt_down(ctx->stmt, cmd->column);
    RewritePart *part;

    if (rewrite == NULL || !check_generated(target->table, cmd->column, error) ||
        !check_expr(ctx, target, cmd, &cmd->default_value, "USING", error) || !check_others(rewrite, cmd, error))
        return FALSE;
    if ((down != NULL && !check_expr(ctx, target, cmd, &down->value, "the directive \"down\"", error)) ||
        !check_way_back(ctx, cmd, down, column->type, error))
        return FALSE;
    part = rewrite_add(ctx, rewrite, REWRITE_TYPE, PARAM_ALTER, cmd->text);
    part->reason = g_strdup(reason);
    part->column = g_strdup(cmd->column);
    part->up = cmd->default_value.text != NULL ? &cmd->default_value : NULL;
    part->down = down != NULL ? g_strdup(down->value.text) : NULL;
    part->old_type = column->type;
    part->new_type = type->formatted;
    part->is_injective = part->up == NULL && is_injective(column->type, type->formatted);
    return TRUE;
}

/* A later or earlier statement of the file that changes the column's type in the copy. */
static gboolean
is_rewritten(const PlanContext *ctx, const Target *target, const char *column)
{
    for (guint i = 0; target->table != NULL && i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (stmt->kind != STMT_ALTER_TABLE ||
            facts_find(ctx->facts, stmt->alter_table.relation.schema, stmt->alter_table.relation.name) != target->table)
            continue;
        for (guint k = 0; k < stmt->alter_table.cmds->len; k++) {
            const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, k);
            g_autofree char *reason = NULL;
            TypeChange change;

            if (cmd->kind != ALTER_COLUMN_TYPE || strcmp(cmd->column, column) != 0)
                continue;
            reason = column_type_reason(ctx->facts, target->table, cmd, &change);
            if (reason != NULL)
                return TRUE;
        }
    }
    return FALSE;
}

gboolean
column_rewrites_default(const PlanContext *ctx, const Target *target, const AlterCmd *cmd)
{
    return is_rewritten(ctx, target, cmd->column);
}

gboolean
column_rewrite_default(PlanContext *ctx, const Target *target, const AlterCmd *cmd, GError **error)
{
    gboolean is_drop = cmd->kind == ALTER_DROP_DEFAULT;
    TableRewrite *rewrite = rewrite_plan(ctx, target, error);

    if (rewrite == NULL || !context_claim(ctx, target, cmd->column, is_drop ? "old default" : "default", error))
        return FALSE;
    rewrite_add(ctx, rewrite, is_drop ? REWRITE_DROP : REWRITE_DEFAULT, PARAM_ALTER, cmd->text);
    return TRUE;
}

/* The column without the constraints that steps of their own add; its default fills the rows as they are copied. */
static char *
added_column(const ColumnDef *column)
{
    g_autoptr(GString) text = g_string_new("ADD COLUMN ");
    const char *value = column->default_value.text;

    g_string_append(text, column->base);
    if (value != NULL)
        g_string_append_printf(text, " DEFAULT %s%s", value, column->is_not_null ? " NOT NULL" : "");
    for (guint i = 0; i < column->constraints->len; i++) {
        const ConstraintDef *constraint = g_ptr_array_index(column->constraints, i);

        if (constraint->kind == CONSTRAINT_GENERATED)
            g_string_append_printf(text, " %s", constraint->body);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static gboolean
check_generation(PlanContext *ctx, const Target *target, const ColumnDef *column, GError **error)
{
    for (guint i = 0; i < column->constraints->len; i++) {
        const ConstraintDef *constraint = g_ptr_array_index(column->constraints, i);

        if (constraint->kind == CONSTRAINT_GENERATED &&
            !context_check_expr(ctx, target, &constraint->check, NULL, error))
            return FALSE;
    }
    return TRUE;
}

gboolean
column_rewrite_add(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *reason, GError **error)
{
    TableRewrite *rewrite = rewrite_plan(ctx, target, error);
    g_autofree char *text = NULL;
    ColumnChange *change;
    RewritePart *part;

    if (rewrite == NULL || !check_generation(ctx, target, &cmd->definition, error))
        return FALSE;
    text = added_column(&cmd->definition);
    part = rewrite_add(ctx, rewrite, REWRITE_ADD, PARAM_ALTER, text);
    part->reason = g_strdup(reason);
    part->column = g_strdup(cmd->column);
    change = g_new0(ColumnChange, 1);
    *change = (ColumnChange){target, cmd->column, &cmd->definition};
    g_ptr_array_add(ctx->added, change);
    return TRUE;
}
