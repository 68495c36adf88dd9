/*
 * What keeps a table from being rewritten online, or a file from being put in order around it.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"
#include "plan/recipe_rewrite.h"

static gboolean
is_whole_key(const FactTable *table, const FactIndex *index)
{
    if (!index->is_unique || !index->is_valid || !index->is_immediate || index->is_partial || index->columns == NULL)
        return FALSE;
    for (guint i = 0; i < index->columns->len; i++) {
        const FactColumn *column = facts_column(table, g_ptr_array_index(index->columns, i));

        if (column == NULL || !column->is_not_null || column->is_unproven || column->is_generated ||
            !column->is_comparable)
            return FALSE;
    }
    return TRUE;
}

const FactIndex *
rewrite_key(const FactTable *table)
{
    const FactIndex *best = NULL;

    for (guint i = 0; i < table->indexes->len; i++) {
        const FactIndex *index = g_ptr_array_index(table->indexes, i);

        if (!is_whole_key(table, index))
            continue;
        if (index->is_primary)
            return index;
        if (best == NULL || index->columns->len < best->columns->len)
            best = index;
    }
    return best;
}

static gboolean
check_kind(const FactTable *table, const char *shown, GError **error)
{
    static const char by_hand[] = "-- pgseam: allow opaque because ... runs it as it stands";
    const char *what = table->kind != 'r'          ? "is no ordinary table"
                       : table->has_children       ? "has inheritance children"
                       : table->is_partition       ? "is a partition"
                       : table->is_typed           ? "is a typed table"
                       : table->is_derived         ? "is an inheritance child"
                       : table->persistence == 't' ? "is a temporary table"
                                                   : NULL;

    if (what == NULL)
        return TRUE;
    context_refuse(error, by_hand, "needs online rewrite, and %s %s: that is not yet supported", shown, what);
    return FALSE;
}

static gboolean
check_key(const FactTable *table, const char *shown, GError **error)
{
    const FactIndex *primary = facts_primary_key(table);

    if (rewrite_key(table) != NULL)
        return TRUE;
    context_refuse(error, "CREATE UNIQUE INDEX on columns that are NOT NULL, in a migration before this one",
                   "needs online rewrite, and table %s has no usable key to find changed rows by: %s", shown,
                   primary != NULL ? "its primary key is deferrable or has a generated column"
                                   : "neither a primary key nor a valid, immediate unique index without a predicate on "
                                     "NOT NULL columns");
    return FALSE;
}

/* The foreign keys of other tables are moved to the new table: that is an ALTER of each of them. */
static gboolean
check_inbound(const PlanContext *ctx, const FactTable *table, GError **error)
{
    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);

        if (!constraint->is_inbound || constraint->is_clone)
            continue;
        if (!constraint->other_is_owned) {
            context_refuse(error, "connect as a role that owns both tables",
                           "needs online rewrite, and role \"%s\" does not own %s.%s, whose foreign key \"%s\" must "
                           "follow the new table",
                           ctx->facts->role, constraint->other_schema, constraint->other_table, constraint->name);
            return FALSE;
        }
        if (constraint->other_kind != 'p' || ctx->facts->server_version >= 180000)
            continue;
        context_refuse(error, "drop the foreign key before, and make it anew afterwards, in migrations of their own",
                       "needs online rewrite, and the foreign key \"%s\" of the partitioned table %s.%s must follow "
                       "the new table: before PostgreSQL 18 it could not be made anew without a long lock",
                       constraint->name, constraint->other_schema, constraint->other_table);
        return FALSE;
    }
    return TRUE;
}

gboolean
rewrite_check_table(PlanContext *ctx, const Target *target, GError **error)
{
    g_autofree char *shown = sql_quote_name(target->schema, target->name);

    return check_kind(target->table, shown, error) && check_key(target->table, shown, error) &&
           check_inbound(ctx, target->table, error);
}

/* Functions that are no more than stable only because of TimeZone, DateStyle and the like, which all our sessions have
 * alike. */
static const char *const formatting[] = {"to_char",
                                         "to_date",
                                         "to_timestamp",
                                         "to_number",
                                         "date_trunc",
                                         "date_part",
                                         "extract",
                                         "timezone",
                                         "concat",
                                         "concat_ws",
                                         "format",
                                         "to_json",
                                         "to_jsonb",
                                         "row_to_json",
                                         "make_timestamptz",
                                         "quote_literal",
                                         "quote_nullable",
                                         "array_to_string",
                                         "json_build_object",
                                         "jsonb_build_object",
                                         "json_build_array",
                                         "jsonb_build_array",
                                         "array_to_json",
                                         "date_bin",
                                         NULL};

static gboolean
is_formatting(const char *function)
{
    const char *dot = strrchr(function, '.');

    if (dot != NULL && !g_str_has_prefix(function, "pg_catalog."))
        return FALSE;
    return g_strv_contains(formatting, dot != NULL ? dot + 1 : function);
}

gboolean
rewrite_check_expr(PlanContext *ctx, const Expr *expr, const char *what, GError **error)
{
    static const char hint[] = "write what depends on the row alone; put a value of the moment in as a constant";

    if (expr->has_subquery || expr->has_aggregate) {
        context_refuse(error, "add a column and fill it with an UPDATE", "%s cannot have a subquery or an aggregate",
                       what);
        return FALSE;
    }
    for (guint i = 0; i < expr->functions->len; i++) {
        const char *name = g_ptr_array_index(expr->functions, i);
        char volatility = facts_volatility(ctx->facts, name);

        if (volatility == 'i' || (volatility == 's' && is_formatting(name)))
            continue;
        context_refuse(error, hint,
                       "%s calls %s(), which is %s: a row may be evaluated more than once, when it is copied, when it "
                       "has changed and when the copies are compared, and the values would differ",
                       what, name, volatility == 'v' ? "volatile" : "only stable");
        return FALSE;
    }
    for (guint i = 0; i < expr->operators->len; i++) {
        const char *name = g_ptr_array_index(expr->operators, i);

        if (facts_volatility(ctx->facts, name) != 'v')
            continue;
        context_refuse(error, hint, "%s uses the operator %s, which is volatile", what, name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
refuse_order(PlanContext *ctx, const Stmt *stmt, const TableRewrite *rewrite, const char *why, GError **error)
{
    g_autofree char *table = sql_quote_name(rewrite->target->schema, rewrite->target->name);

    ctx->offset = stmt->offset;
    context_refuse(error, "put it into a migration of its own",
                   "this %s and the rewrite of %s (line %d) cannot be put "
                   "in order in one file: %s",
                   stmt->what, table, ((const RewritePart *)g_ptr_array_index(rewrite->parts, 0))->stmt->line, why);
    return FALSE;
}

static gboolean
names_table(const PlanContext *ctx, const RelName *name, const Target *target)
{
    return name->name != NULL && facts_find(ctx->facts, name->schema, name->name) == target->table;
}

static gboolean
contains(const GPtrArray *names, const char *name)
{
    return names != NULL && g_ptr_array_find_with_equal_func((GPtrArray *)names, name, g_str_equal, NULL);
}

static gboolean
uses_column(const DmlStmt *dml, const char *column)
{
    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);

        if (strcmp(assignment->column, column) == 0 || contains(assignment->value.columns, column) ||
            assignment->value.has_whole_row)
            return TRUE;
    }
    return contains(dml->columns, column) || contains(dml->where.columns, column) || dml->where.has_whole_row ||
           contains(dml->rest.columns, column);
}

/* A change of rows between two parts of the copy; or one that goes by a column whose type changes. */
static gboolean
check_dml(PlanContext *ctx, const TableRewrite *rewrite, const Stmt *stmt, GError **error)
{
    const RewritePart *first = g_ptr_array_index(rewrite->parts, 0);
    const RewritePart *last = g_ptr_array_index(rewrite->parts, rewrite->parts->len - 1);
    const FactIndex *key = stmt->kind != STMT_INSERT ? facts_key(rewrite->target->table) : NULL;

    if (!names_table(ctx, &stmt->dml.relation, rewrite->target))
        return TRUE;
    if (stmt->offset > first->stmt->offset && stmt->offset < last->stmt->offset)
        return refuse_order(ctx, stmt, rewrite, "it stands between two statements that become one copy", error);
    for (guint i = 0; i < rewrite->parts->len; i++) {
        const RewritePart *part = g_ptr_array_index(rewrite->parts, i);

        if (part->old_type == NULL)
            continue;
        if (uses_column(&stmt->dml, part->column) || (stmt->kind == STMT_INSERT && stmt->dml.columns == NULL))
            return refuse_order(ctx, stmt, rewrite, "it goes by a column whose type changes", error);
        if (key != NULL && contains(key->columns, part->column))
            return refuse_order(ctx, stmt, rewrite, "it walks by a key whose type changes", error);
    }
    return TRUE;
}

/* Another table that takes its columns from this one, or a family that this one joins. */
static gboolean
check_relatives(PlanContext *ctx, const TableRewrite *rewrite, const Stmt *stmt, GError **error)
{
    for (guint i = 0; stmt->kind == STMT_CREATE_TABLE && i < 2; i++) {
        const GPtrArray *names = i == 0 ? stmt->create_table.parents : stmt->create_table.sources;

        for (guint k = 0; k < names->len; k++) {
            if (names_table(ctx, g_ptr_array_index(names, k), rewrite->target))
                return refuse_order(ctx, stmt, rewrite,
                                    "it takes its columns from a table that is not there in its "
                                    "new shape yet",
                                    error);
        }
    }
    for (guint i = 0; stmt->kind == STMT_ALTER_TABLE && i < stmt->alter_table.cmds->len; i++) {
        const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, i);
        gboolean is_own = names_table(ctx, &stmt->alter_table.relation, rewrite->target);

        if (cmd->partition.name != NULL && (is_own || names_table(ctx, &cmd->partition, rewrite->target)))
            return refuse_order(ctx, stmt, rewrite, "the table joins or leaves a family", error);
    }
    return TRUE;
}

static gboolean
is_locked(const Step *step, const Target *target)
{
    for (guint i = 0; i < step->locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(step->locks, i);

        if (strcmp(lock->schema, target->schema) == 0 && strcmp(lock->table, target->name) == 0)
            return TRUE;
    }
    return FALSE;
}

/* While the old table is kept up to date, the new one must have the names that it had. */
static gboolean
check_names(PlanContext *ctx, const TableRewrite *rewrite, GError **error)
{
    for (guint i = 0; i < ctx->phases[PHASE_CONTRACT]->len; i++) {
        const Step *step = g_ptr_array_index(ctx->phases[PHASE_CONTRACT], i);
        const Stmt *stmt = g_hash_table_lookup(ctx->stmts, step);

        if (stmt != NULL && stmt->kind == STMT_OBJECT &&
            (stmt->object.verb == OBJECT_RENAME || stmt->object.verb == OBJECT_SET_SCHEMA) &&
            is_locked(step, rewrite->target))
            return refuse_order(ctx, stmt, rewrite, "the old table could not be kept up to date under another name",
                                error);
    }
    return TRUE;
}

static gboolean
check_stmt(PlanContext *ctx, const TableRewrite *rewrite, const Stmt *stmt, GError **error)
{
    if (stmt->kind == STMT_UPDATE || stmt->kind == STMT_DELETE || stmt->kind == STMT_INSERT)
        return check_dml(ctx, rewrite, stmt, error);
    if (!check_relatives(ctx, rewrite, stmt, error))
        return FALSE;
    for (int phase = 0; phase < N_PHASES; phase++) {
        for (guint i = 0; i < ctx->phases[phase]->len; i++) {
            const Step *step = g_ptr_array_index(ctx->phases[phase], i);

            if (step->kind == STEP_OPAQUE_RUN && g_hash_table_lookup(ctx->stmts, step) == stmt &&
                sql_mentions(stmt->text, rewrite->target->name))
                return refuse_order(ctx, stmt, rewrite,
                                    "it runs by consent, and what it does to the table is not "
                                    "known",
                                    error);
        }
    }
    return TRUE;
}

gboolean
rewrite_check_order(PlanContext *ctx, const TableRewrite *rewrite, GError **error)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        if (!check_stmt(ctx, rewrite, g_ptr_array_index(ctx->script->stmts, i), error))
            return FALSE;
    }
    return check_names(ctx, rewrite, error);
}
