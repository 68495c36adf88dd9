/*
 * A statement may be split if each row's fate depends on that row alone, and on what the statement does not change:
 * then the batches together do what it does. It need not be one moment for all rows: under a live application there is
 * none.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/dml.h"

#define ONE_STATEMENT "-- pgseam: allow opaque because ... runs it as one statement"

const FactTable *
dml_resolve(const PlanContext *ctx, const RelName *name, gboolean *ret_created)
{
    const FactTable *table = facts_find(ctx->facts, name->schema, name->name);

    *ret_created = table == NULL && context_makes(ctx, name);
    return table;
}

const Target *
dml_target(PlanContext *ctx, const Stmt *stmt, GError **error)
{
    return context_target_of(ctx, &stmt->dml.relation, "rp", error);
}

gboolean
dml_check_filled(PlanContext *ctx, const char *table, GError **error)
{
    for (guint i = 0; i < ctx->phases[PHASE_BACKFILL]->len; i++) {
        const Step *step = g_ptr_array_index(ctx->phases[PHASE_BACKFILL], i);

        if (step->kind != STEP_BACKFILL_INSERT || strcmp(step->table, table) != 0)
            continue;
        context_refuse(error, "let the INSERT bring the right rows, or put this statement into a migration of its own",
                       "%s fills table %s in batches: going through its rows in one statement would take too long",
                       step->place, table);
        return FALSE;
    }
    return TRUE;
}

gboolean
dml_has_action(const FactConstraint *constraint)
{
    static const char *const actions[] = {"ON DELETE CASCADE", "ON DELETE SET", "ON UPDATE CASCADE", "ON UPDATE SET"};

    for (guint i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strstr(constraint->definition, actions[i]) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* Whether a foreign key of another table is concerned: its row is deleted, or what it references is assigned to. */
static gboolean
is_concerned(const Stmt *stmt, const FactConstraint *constraint)
{
    g_autoptr(GPtrArray) assigned = dml_assigned(&stmt->dml);
    gboolean is_assigned = FALSE;

    for (guint i = 0; i < assigned->len; i++)
        is_assigned |=
            g_ptr_array_find_with_equal_func(constraint->columns, g_ptr_array_index(assigned, i), g_str_equal, NULL);
    return stmt->kind == STMT_DELETE || is_assigned;
}

/* Whether deleting (or renumbering) rows of `target` may change rows of `table`: its own foreign key to it has an
 * action, or it has one to anything, and the target is referenced with one: a chain might lead here. */
static gboolean
is_in_reach(const Stmt *stmt, const FactTable *target, const FactTable *table)
{
    gboolean is_source = FALSE;
    gboolean is_end = FALSE;

    for (guint i = 0; i < target->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(target->constraints, i);
        is_source |= constraint->is_inbound && dml_has_action(constraint) && is_concerned(stmt, constraint);
    }
    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);
        is_end |= constraint->kind == 'f' && !constraint->is_inbound && dml_has_action(constraint);
    }
    return is_source && is_end;
}

static gboolean
is_family(const FactTable *table)
{
    return table->kind == 'p' || table->is_derived || table->has_children;
}

static gboolean
has_triggers(const FactTable *table)
{
    gboolean has = table->triggers->len > 0;

    for (guint i = 0; i < table->descendants->len; i++)
        has |= ((const FactTable *)g_ptr_array_index(table->descendants, i))->triggers->len > 0;
    return has;
}

static gboolean
check_table_read(const Stmt *stmt, const Target *target, const FactTable *table, GError **error)
{
    const char *word = dml_word(stmt);

    if (target->table == NULL)
        return TRUE;
    if (table == target->table || (is_family(table) && is_family(target->table))) {
        context_refuse(
            error, ONE_STATEMENT "; or note the rows in a table of their own first",
            "the statement reads table %s, which it changes itself: it may not be split, since what it reads "
            "would change from batch to batch",
            table->name);
        return FALSE;
    }
    if (has_triggers(target->table)) {
        context_refuse(error, ONE_STATEMENT,
                       "%s has triggers, which may change table %s, which the statement reads: it may not be split",
                       target->name, table->name);
        return FALSE;
    }
    if (stmt->kind != STMT_INSERT && is_in_reach(stmt, target->table, table)) {
        context_refuse(
            error, ONE_STATEMENT,
            "the %s may change rows of table %s, which it reads, by a foreign key with an action: it may not "
            "be split",
            word, table->name);
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_read(PlanContext *ctx, const Target *target, const RelName *name, GError **error)
{
    g_autofree char *shown = sql_quote_name(name->schema, name->name);
    gboolean is_created;
    const FactTable *table = dml_resolve(ctx, name, &is_created);

    /* A WITH query: there is nothing else of that name. */
    if (table == NULL && !is_created)
        return TRUE;
    if (table == NULL) {
        if (target->created == NULL || strcmp(target->name, name->name) != 0)
            return TRUE;
        context_refuse(error, ONE_STATEMENT, "the statement reads table %s, which it changes itself", shown);
        return FALSE;
    }
    if (strchr("rpm", table->kind) == NULL) {
        context_refuse(error, "write the tables behind it in its place; or " ONE_STATEMENT,
                       "%s is no table: what lies behind it may be changed by the statement itself, so it may not be "
                       "split",
                       shown);
        return FALSE;
    }
    return check_table_read(ctx->stmt, target, table, error);
}

static gboolean
names_row_version(const Expr *expr)
{
    static const char *const names[] = {"ctid", "xmin", "xmax", "cmin", "cmax", NULL};

    for (guint i = 0; i < expr->columns->len; i++) {
        if (g_strv_contains(names, g_ptr_array_index(expr->columns, i)))
            return TRUE;
    }
    return FALSE;
}

static gboolean
check_row_version(const DmlStmt *dml, GError **error)
{
    gboolean is_named = names_row_version(&dml->where) || names_row_version(&dml->rest);

    for (guint i = 0; i < dml->assignments->len; i++)
        is_named |= names_row_version(&((const Assignment *)g_ptr_array_index(dml->assignments, i))->value);
    if (is_named)
        context_refuse(
            error, ONE_STATEMENT,
            "the statement goes by ctid, xmin or the like, which change with each batch: it may not be split");
    return !is_named;
}

/* How often a volatile function is called in `expr`. */
static guint
count_volatile(const PlanContext *ctx, const Expr *expr)
{
    guint n = 0;

    for (guint i = 0; i < expr->functions->len; i++)
        n += facts_volatility(ctx->facts, g_ptr_array_index(expr->functions, i)) == 'v';
    for (guint i = 0; i < expr->operators->len; i++)
        n += facts_volatility(ctx->facts, g_ptr_array_index(expr->operators, i)) == 'v';
    return n;
}

/* A volatile function is called once for each row in SET and in a select list, whatever the batches; anywhere else it
 * would be called once for each batch, or decide which rows are meant. */
static gboolean
check_volatile(PlanContext *ctx, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    gboolean is_bad = count_volatile(ctx, &dml->rest) > count_volatile(ctx, &dml->outer);

    if (context_volatility(ctx, &dml->where) == 'v') {
        context_refuse(error, ONE_STATEMENT,
                       "the predicate calls a volatile function: which rows it means changes from batch to batch");
        return FALSE;
    }
    for (guint i = 0; i < dml->assignments->len; i++) {
        const Expr *value = &((const Assignment *)g_ptr_array_index(dml->assignments, i))->value;
        is_bad |= value->has_subquery && count_volatile(ctx, value) > 0;
    }
    if (is_bad)
        context_refuse(error, ONE_STATEMENT,
                       "a volatile function in a join or a subquery: what it brings changes from batch to batch");
    return !is_bad;
}

static gboolean
check_aggregates(const PlanContext *ctx, GError **error)
{
    const Expr *outer = &ctx->stmt->dml.outer;

    for (guint i = 0; i < outer->functions->len; i++) {
        const char *name = g_ptr_array_index(outer->functions, i);

        if (!outer->has_aggregate && !facts_is_aggregate(ctx->facts, name))
            continue;
        context_refuse(error, ONE_STATEMENT, "the query computes %s over all its rows: it may not be split", name);
        return FALSE;
    }
    return TRUE;
}

gboolean
dml_check_split(PlanContext *ctx, const Target *target, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;

    if (dml->unsupported != NULL) {
        context_refuse(error, ONE_STATEMENT, "%s with %s may not be split", dml_word(ctx->stmt), dml->unsupported);
        return FALSE;
    }
    if (dml->hazard != NULL) {
        context_refuse(error, ONE_STATEMENT, "it may not be split, since its result depends on more than one row: %s",
                       dml->hazard);
        return FALSE;
    }
    for (guint i = 0; i < dml->reads->len; i++) {
        if (!check_read(ctx, target, g_ptr_array_index(dml->reads, i), error))
            return FALSE;
    }
    return check_row_version(dml, error) && check_volatile(ctx, error) && check_aggregates(ctx, error);
}
