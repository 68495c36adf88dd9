/*
 * What keeps a table from being rewritten online, or a file from being put in order around it.
 */
#include <string.h>

#include "base/names.h"
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
        if (index->is_replica_identity)
            return index;
        if (best == NULL || (!best->is_primary && (index->is_primary || index->columns->len < best->columns->len)))
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

/* A view is made anew in an instant; a materialized one would have to be filled. */
static gboolean
check_materialized(const FactTable *table, GError **error)
{
    for (guint i = 0; i < table->dependents->len; i++) {
        const char *what = ((const FactDependent *)g_ptr_array_index(table->dependents, i))->what;

        if (!g_str_has_prefix(what, "materialized view "))
            continue;
        context_refuse(error, "drop it before, and make it anew afterwards, in migrations of their own",
                       "needs online rewrite, and %s reads the table: it could not be moved to the new table without "
                       "being filled anew",
                       what);
        return FALSE;
    }
    return TRUE;
}

gboolean
rewrite_check_table(PlanContext *ctx, const Target *target, GError **error)
{
    g_autofree char *shown = sql_quote_name(target->schema, target->name);

    return check_kind(target->table, shown, error) && check_key(target->table, shown, error) &&
           check_inbound(ctx, target->table, error) && check_materialized(target->table, error);
}

/* Functions of PostgreSQL's own that are no more than stable mostly are so because of TimeZone, DateStyle and the like,
 * which all our sessions have alike; or only one of their overloads is. These tell of the moment, of the session or of
 * other tables. */
static gboolean
is_of_the_moment(const char *function)
{
    static const char *const names[] = {"now",
                                        "transaction_timestamp",
                                        "statement_timestamp",
                                        "age",
                                        "current_setting",
                                        "current_user",
                                        "session_user",
                                        "current_schema",
                                        "user",
                                        "current_schemas",
                                        "version",
                                        "current_database",
                                        "current_query",
                                        "localtime",
                                        "localtimestamp",
                                        "current_date",
                                        "current_time",
                                        "row_security_active",
                                        "format_type",
                                        "current_timestamp",
                                        NULL};
    static const char *const prefixes[] = {"pg_",        "has_",       "to_reg",      "txid_",     "inet_",
                                           "obj_",       "col_",       "shobj",       "query_to_", "table_to_",
                                           "schema_to_", "cursor_to_", "database_to_"};
    const char *name = g_str_has_prefix(function, "pg_catalog.") ? function + strlen("pg_catalog.") : function;

    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(name, prefixes[i]))
            return TRUE;
    }
    return g_strv_contains(names, name);
}

/* 'now' and its kin become a time when they are cast. */
static gboolean
has_word_of_the_moment(const Expr *expr)
{
    static const char *const words[] = {"'now", "'today", "'tomorrow", "'yesterday"};
    g_autofree char *lower = expr->text != NULL ? g_ascii_strdown(expr->text, -1) : g_strdup("");

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strstr(lower, words[i]) != NULL)
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_function(PlanContext *ctx, const char *name, const char *what, GError **error)
{
    char volatility = facts_volatility(ctx->facts, name);
    gboolean is_aggregate = facts_is_aggregate(ctx->facts, name);

    if (!is_aggregate &&
        (volatility == 'i' || (volatility == 's' && facts_is_builtin(ctx->facts, name) && !is_of_the_moment(name))))
        return TRUE;
    context_refuse(error, "write what depends on the row alone; put a value of the moment in as a constant",
                   "%s calls %s(), which is %s: a row may be evaluated more than once, when it is copied, when it "
                   "has changed and when the copies are compared, and the values would differ",
                   what, name,
                   is_aggregate        ? "an aggregate"
                   : volatility == 'v' ? "volatile"
                                       : "only stable");
    return FALSE;
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
    if (has_word_of_the_moment(expr)) {
        context_refuse(error, hint, "%s has a word for the time of day: the values would differ from row to row", what);
        return FALSE;
    }
    for (guint i = 0; i < expr->functions->len; i++) {
        if (!check_function(ctx, g_ptr_array_index(expr->functions, i), what, error))
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
                   "this %s and the rewrite of %s (%s) cannot be put "
                   "in order in one file: %s",
                   stmt->what, table, ((const RewritePart *)g_ptr_array_index(rewrite->parts, 0))->stmt->place, why);
    return FALSE;
}

static gboolean
names_table(const PlanContext *ctx, const RelName *name, const Target *target)
{
    return name->name != NULL && facts_find(ctx->facts, name->schema, name->name) == target->table;
}

static gboolean
uses_column(const DmlStmt *dml, const char *column)
{
    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);

        if (strcmp(assignment->column, column) == 0 || names_contain(assignment->value.columns, column) ||
            assignment->value.has_whole_row)
            return TRUE;
    }
    return names_contain(dml->columns, column) || names_contain(dml->where.columns, column) ||
           dml->where.has_whole_row || names_contain(dml->rest.columns, column);
}

/* A change of rows between two parts of the copy; or one that goes by a column whose type changes. */
static gboolean
check_dml(PlanContext *ctx, const TableRewrite *rewrite, const Stmt *stmt, GError **error)
{
    const RewritePart *first = g_ptr_array_index(rewrite->parts, 0);
    const RewritePart *last = g_ptr_array_index(rewrite->parts, rewrite->parts->len - 1);

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

/* Batches are cut by values of the key, in the type that it had. */
static gboolean
check_walks(PlanContext *ctx, const TableRewrite *rewrite, GError **error)
{
    const Target *target = rewrite->target;

    for (guint i = 0; i < ctx->phases[PHASE_BACKFILL]->len; i++) {
        const Step *step = g_ptr_array_index(ctx->phases[PHASE_BACKFILL], i);
        const char *schema = step_get(step, PARAM_WALK_SCHEMA);
        const char *table = step_get(step, PARAM_WALK_TABLE);

        if (g_strcmp0(table != NULL ? schema : step->schema, target->schema) != 0 ||
            g_strcmp0(table != NULL ? table : step->table, target->name) != 0)
            continue;
        for (guint k = 0; k < step->key->len; k++) {
            const RewritePart *part = rewrite_part_of(rewrite, g_ptr_array_index(step->key, k));

            if (part != NULL && part->old_type != NULL)
                return refuse_order(ctx, g_hash_table_lookup(ctx->stmts, step), rewrite,
                                    "it walks by a key whose type changes", error);
        }
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
    return check_walks(ctx, rewrite, error) && check_names(ctx, rewrite, error);
}
