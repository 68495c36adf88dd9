/*
 * ADD COLUMN. What only changes catalog rows runs as it stands; inline constraints are split off (research: rows 9 to
 * 17, recipes R1 to R5); what gives each existing row a value of its own is filled in batches (recipe_column_fill.c).
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"
#include "plan/recipe.h"
#include "plan/recipe_column.h"

gboolean
context_is_serial(const char *type_name)
{
    static const char *const names[] = {"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8", NULL};

    return type_name != NULL && g_strv_contains(names, type_name);
}

const ConstraintDef *
column_identity(const ColumnDef *column)
{
    for (guint i = 0; i < column->constraints->len; i++) {
        const ConstraintDef *constraint = g_ptr_array_index(column->constraints, i);

        if (constraint->kind == CONSTRAINT_IDENTITY)
            return constraint;
    }
    return NULL;
}

static gboolean
has_kind(const ColumnDef *column, ConstraintKind kind)
{
    for (guint i = 0; i < column->constraints->len; i++) {
        if (((const ConstraintDef *)g_ptr_array_index(column->constraints, i))->kind == kind)
            return TRUE;
    }
    return FALSE;
}

static gboolean
has_default(const ColumnDef *column)
{
    const char *text = column->default_value.text;

    return text != NULL && g_ascii_strcasecmp(text, "NULL") != 0;
}

/* TRUE if each existing row gets a value of its own, for which PostgreSQL would rewrite the table. */
static gboolean
is_filled(const PlanContext *ctx, const ColumnDef *column)
{
    return context_is_serial(column->type_name) || column_identity(column) != NULL ||
           (column->default_value.text != NULL && context_volatility(ctx, &column->default_value) == 'v');
}

gboolean
column_is_type_of_file(const PlanContext *ctx, const ColumnDef *column)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);
        const ObjectName *name;
        g_autofree char *word = NULL;
        gboolean is_domain;

        if (stmt == ctx->stmt)
            break;
        if (stmt->kind != STMT_OBJECT || stmt->object.verb != OBJECT_CREATE || stmt->object.objects->len == 0)
            continue;
        name = g_ptr_array_index(stmt->object.objects, 0);
        is_domain = strcmp(name->class, "domain") == 0;
        /* What an extension brings is not known before it is there. */
        if (strcmp(name->class, "extension") == 0)
            return TRUE;
        if ((is_domain && (sql_mentions(stmt->text, "CHECK") || sql_mentions(stmt->text, "NOT"))) ||
            (!is_domain && strcmp(name->class, "type") != 0))
            continue;
        word = object_word(name);
        if (sql_mentions(column->type, word))
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_definition(PlanContext *ctx, const Target *target, const ColumnDef *column, GError **error)
{
    const FactType *type = g_hash_table_lookup(ctx->facts->types, column->type);

    if (has_kind(column, CONSTRAINT_GENERATED) && (column->constraints->len > 1 || column->is_not_null)) {
        context_not_yet(error, "add its constraints by statements of their own", "a generated column with constraints");
        return FALSE;
    }
    if (context_is_serial(column->type_name))
        return TRUE;
    if (type == NULL || !type->exists) {
        if (column_is_type_of_file(ctx, column))
            return TRUE;
        context_refuse(error, "check the name, and the search_path of the role you connect as",
                       "type %s does not exist", column->type);
        return FALSE;
    }
    return TRUE;
}

/* TRUE if a later statement of the file gives the column a value. */
static gboolean
is_updated_later(const PlanContext *ctx, const Target *target, const char *column)
{
    gboolean is_later = FALSE;

    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        for (guint k = 0; is_later && stmt->kind == STMT_UPDATE && k < stmt->dml.assignments->len; k++) {
            const Assignment *assignment = g_ptr_array_index(stmt->dml.assignments, k);

            if (strcmp(assignment->column, column) == 0 &&
                facts_find(ctx->facts, stmt->dml.relation.schema, stmt->dml.relation.name) == target->table)
                return TRUE;
        }
        is_later |= stmt == ctx->stmt;
    }
    return FALSE;
}

/* NOT NULL without a default: something must fill the rows that are there, and those that the old application goes on
 * writing. */
static gboolean
check_not_null(PlanContext *ctx, const Target *target, const ColumnDef *column, GError **error)
{
    gboolean is_forbidden = column->is_not_null || has_kind(column, CONSTRAINT_PRIMARY);
    g_autofree char *hint = NULL;
    g_autofree char *name = NULL;

    if (!is_forbidden || target->table->is_empty || has_default(column) || is_filled(ctx, column) ||
        ctx->stmt->up != NULL || is_updated_later(ctx, target, column->name))
        return TRUE;
    name = sql_quote_ident(column->name);
    hint = g_strdup_printf("give it a DEFAULT; or fill it in this same file: UPDATE ... SET %s = ... WHERE %s IS NULL; "
                           "or write -- pgseam: up %s = expression above the statement",
                           name, name, name);
    context_refuse(error, hint,
                   "ADD COLUMN %s NOT NULL without a default fails on a table with rows, and breaks the inserts of the "
                   "old application",
                   name);
    return FALSE;
}

/* TRUE: there is something to do. FALSE without an error: IF NOT EXISTS, and it is there. */
static gboolean
check_absent(PlanContext *ctx, const Target *target, const AlterCmd *cmd, GError **error)
{
    if (!context_has_column(ctx, target, cmd->column))
        return TRUE;
    if (cmd->if_exists && !context_is_dropped(ctx, target, cmd->column)) {
        plan_note(ctx->plan, "%s: column \"%s\" is there already, nothing to do", ctx->stmt->place, cmd->column);
        return FALSE;
    }
    context_refuse(error,
                   context_is_dropped(ctx, target, cmd->column)
                       ? "its DROP runs in the contract phase, after this; give the new column another name"
                       : NULL,
                   "column \"%s\" of table %s exists already", cmd->column, target->name);
    return FALSE;
}

/* The column without what is split off: its base, a default that costs nothing, NOT NULL where the default proves it.
 */
static char *
bare_column(const Target *target, const AlterCmd *cmd, gboolean with_default)
{
    const ColumnDef *column = &cmd->definition;
    gboolean defaulted = with_default && column->default_value.text != NULL;

    return sql_build("ALTER TABLE ? ADD COLUMN ????", sql_name(target->schema, target->name),
                     sql_raw(cmd->if_exists ? "IF NOT EXISTS " : ""), sql_raw(column->base),
                     sql_raw(defaulted ? " DEFAULT " : ""), sql_raw(defaulted ? column->default_value.text : ""));
}

static gboolean
is_split(const PlanContext *ctx, const Target *target, const ColumnDef *column)
{
    if (is_filled(ctx, column) || (column->is_not_null && !has_default(column)))
        return TRUE;
    return column->constraints->len > 0 && target->table != NULL && !has_kind(column, CONSTRAINT_GENERATED);
}

static gboolean
is_rewritten(const PlanContext *ctx, const ColumnDef *column)
{
    const FactType *type = g_hash_table_lookup(ctx->facts->types, column->type);

    return has_kind(column, CONSTRAINT_GENERATED) || (type != NULL && type->is_constrained_domain);
}

/* Why the column comes with an online rewrite; NULL: it comes as it is. A small table is rewritten within the lock
 * budget, which the guard sees to. */
static const char *
rewrite_reason(const PlanContext *ctx, const Target *target, const ColumnDef *column)
{
    if (target->table->is_small || !is_rewritten(ctx, column))
        return NULL;
    return has_kind(column, CONSTRAINT_GENERATED)
               ? "a stored generated column writes every row anew under ACCESS EXCLUSIVE"
               : "a column of a domain with constraints writes every row anew under ACCESS EXCLUSIVE, with or without "
                 "a "
                 "default, on every server up to 18";
}

static Step *
add_column(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql)
{
    const ColumnDef *column = &cmd->definition;
    gboolean filled = is_filled(ctx, column);
    Step *step = context_step(ctx, PHASE_EXPAND, STEP_COLUMN_ADD, target);
    ColumnChange *change = g_new0(ColumnChange, 1);

    if (!is_split(ctx, target, column))
        step->sql = g_strdup(sql);
    else {
        g_autofree char *bare = bare_column(target, cmd, !filled);

        step->sql = g_strconcat(bare, column->is_not_null && has_default(column) && !filled ? " NOT NULL" : "", NULL);
    }
    step->why =
        g_strdup_printf("only catalog rows change: no scan, no rewrite%s",
                        filled                               ? "; existing rows are filled in batches"
                        : column->default_value.text != NULL ? "; the default is kept in the catalog for old rows"
                                                             : "");
    if (is_rewritten(ctx, column)) {
        g_free(step->why);
        step->why = g_strdup("the table is small: written anew within the lock budget, or given up");
    }
    step_set(step, PARAM_COLUMN, cmd->column);
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, is_rewritten(ctx, column) ? HOLD_REWRITE : HOLD_INSTANT);
    *change = (ColumnChange){target, cmd->column, column};
    g_ptr_array_add(ctx->added, change);
    return step;
}

static gboolean
add_constraints(PlanContext *ctx, const Target *target, const ColumnDef *column, GError **error)
{
    for (guint i = 0; i < column->constraints->len; i++) {
        const ConstraintDef *constraint = g_ptr_array_index(column->constraints, i);

        if (constraint->kind != CONSTRAINT_IDENTITY && constraint->kind != CONSTRAINT_GENERATED &&
            !recipe_constraint(ctx, target, constraint, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
refuse_up(const ColumnDef *column, GError **error)
{
    context_refuse(error, "write it as: -- pgseam: up column = expression",
                   "the directive \"up\" must set column \"%s\", and nothing else", column->name);
    return FALSE;
}

/* `up`: what fills the column, as a directive. */
static gboolean
fill_by_directive(PlanContext *ctx, const Target *target, const ColumnDef *column, GError **error)
{
    const Stmt *update;

    if (column->default_value.text != NULL || is_filled(ctx, column)) {
        context_refuse(error, "leave one of the two out: the default fills the rows that are there",
                       "the directive \"up\" stands above a column with a default");
        return FALSE;
    }
    /* With a version all columns of a group are filled at once: version_plan_fill(). */
    if (ctx->script->version != NULL)
        return stmt_up(ctx->stmt, column->name) != NULL || refuse_up(column, error);
    if (!recipe_generated_update(ctx,
                                 sql_build("UPDATE ? SET ? WHERE ? IS NULL", sql_name(target->schema, target->name),
                                           sql_raw(ctx->stmt->up), sql_ident(column->name)),
                                 error))
        return FALSE;
    update = g_ptr_array_index(ctx->generated, ctx->generated->len - 1);
    if (update->dml.assignments->len == 1 &&
        strcmp(((const Assignment *)g_ptr_array_index(update->dml.assignments, 0))->column, column->name) == 0)
        return TRUE;
    return refuse_up(column, error);
}

static gboolean
add_on_table(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    const ColumnDef *column = &cmd->definition;
    const char *reason = rewrite_reason(ctx, target, column);
    gboolean filled = is_filled(ctx, column) && reason == NULL;
    Step *step = NULL;

    if (reason != NULL && !column_rewrite_add(ctx, target, cmd, reason, error))
        return FALSE;
    if (reason == NULL)
        step = add_column(ctx, target, cmd, sql);
    context_note_prepared(ctx, target);
    if (filled && !column_fill(ctx, target, cmd, step, error))
        return FALSE;
    if (ctx->stmt->up != NULL && !fill_by_directive(ctx, target, column, error))
        return FALSE;
    if (!filled && column->is_not_null && !has_default(column) &&
        !recipe_not_null_in(ctx, target, column->name, NULL, PHASE_CONTRACT, error))
        return FALSE;
    return add_constraints(ctx, target, column, error);
}

/* On a table that this file makes everything runs as it stands, foreign keys apart: they lock the other table. */
static gboolean
add_on_created(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    Step *step;

    g_autoptr(GPtrArray) split = g_ptr_array_new();
    Slice slice = {cmd->offset, cmd->offset + (int)strlen(cmd->text)};
    g_autofree char *kept = NULL;

    for (guint i = 0; i < cmd->definition.constraints->len; i++) {
        ConstraintDef *constraint = g_ptr_array_index(cmd->definition.constraints, i);

        if (constraint->kind == CONSTRAINT_FOREIGN)
            g_ptr_array_add(split, constraint);
        else if (constraint->kind != CONSTRAINT_IDENTITY && constraint->kind != CONSTRAINT_GENERATED) {
            g_autofree char *name = context_constraint_name(ctx, target, constraint, error);

            if (name == NULL)
                return FALSE;
        }
    }
    if (context_is_serial(cmd->definition.type_name) || column_identity(&cmd->definition) != NULL)
        g_free(column_sequence_name(ctx, target, cmd->column));
    kept = context_without(ctx->stmt->text, &slice, split);
    step = add_column(ctx, target, cmd, sql);
    g_free(step->why);
    g_free(step->sql);
    step->sql = split->len == 0 ? g_strdup(sql)
                                : sql_build("ALTER TABLE ? ?", sql_name(target->schema, target->name), sql_raw(kept));
    step->why = g_strdup("the table is made by this file: nobody else uses it yet");
    for (guint i = 0; i < split->len; i++) {
        if (!recipe_foreign_key(ctx, target, g_ptr_array_index(split, i), error))
            return FALSE;
    }
    return TRUE;
}

gboolean
recipe_column_add(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (!check_absent(ctx, target, cmd, &why)) {
        if (why == NULL)
            return TRUE;
        g_propagate_error(error, g_steal_pointer(&why));
        return FALSE;
    }
    if (target->table == NULL)
        return add_on_created(ctx, target, cmd, sql, error);
    return check_definition(ctx, target, &cmd->definition, error) &&
           check_not_null(ctx, target, &cmd->definition, error) && add_on_table(ctx, target, cmd, sql, error);
}
