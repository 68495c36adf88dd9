/*
 * UPDATE and DELETE, batched by key. A statement may be split if each row's fate depends on that row alone.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/recipe.h"
#include "sql/splice.h"

static gboolean
check_expr(PlanContext *ctx, const Target *target, const Expr *expr, const char *where, GError **error)
{
    if (expr->has_subquery || expr->has_aggregate) {
        g_autofree char *what = g_strdup_printf("a subquery in %s", where);
        context_not_yet(error,
                        "it cannot be proven that the statement may be split; -- pgseam: allow opaque because ... runs "
                        "it as one statement",
                        what);
        return FALSE;
    }
    if (expr->has_parameter) {
        context_refuse(error, "write the value", "there is no parameter $n in a migration");
        return FALSE;
    }
    return context_check_expr(ctx, target, expr, ctx->stmt->dml.alias, error);
}

static gboolean
check_assignment(PlanContext *ctx, const Target *target, const FactIndex *key, const Assignment *assignment,
                 GError **error)
{
    const FactColumn *column = facts_column(target->table, assignment->column);

    if (!assignment->is_simple) {
        context_not_yet(error, "write column = expression for each column",
                        "SET of DEFAULT, of a field, or of several columns at once");
        return FALSE;
    }
    if (!context_check_column(ctx, target, assignment->column, error))
        return FALSE;
    if (column != NULL && column->is_generated) {
        context_refuse(error, NULL, "column \"%s\" is generated", assignment->column);
        return FALSE;
    }
    if (g_ptr_array_find_with_equal_func(key->columns, assignment->column, g_str_equal, NULL)) {
        g_autofree char *what = g_strdup_printf("changing the key column \"%s\"", assignment->column);
        context_not_yet(error, "batches walk the table by this key: rows would be met twice or never", what);
        return FALSE;
    }
    return check_expr(ctx, target, &assignment->value, "SET", error);
}

static gboolean
check_where(PlanContext *ctx, const Target *target, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    char volatility;

    if (dml->where.text == NULL)
        return TRUE;
    if (!check_expr(ctx, target, &dml->where, "WHERE", error))
        return FALSE;
    volatility = context_volatility(ctx, &dml->where);
    if (volatility == 'v') {
        context_refuse(error, "-- pgseam: allow opaque because ... runs it as one statement",
                       "the predicate calls a volatile function: which rows it means changes from batch to batch");
        return FALSE;
    }
    if (volatility == 's')
        plan_note(ctx->plan, "line %d: the predicate is evaluated anew in each batch (now() moves on)",
                  ctx->stmt->line);
    return TRUE;
}

/* A row comparison has one operator: all columns of the key must share it. */
static gboolean
check_operators(const FactTable *table, const FactIndex *key, GError **error)
{
    const FactColumn *first = facts_column(table, g_ptr_array_index(key->columns, 0));

    for (guint i = 1; i < key->columns->len; i++) {
        const FactColumn *column = facts_column(table, g_ptr_array_index(key->columns, i));

        if (strcmp(column->greater_operator, first->greater_operator) == 0 &&
            strcmp(column->at_most_operator, first->at_most_operator) == 0)
            continue;
        context_not_yet(error, NULL, "a backfill by a key whose columns compare with operators of different schemas");
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_dml(PlanContext *ctx, const Target *target, const FactIndex *key, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;

    if (target->table->has_rules) {
        context_refuse(error, "drop the rule, or write the change against what it rewrites to",
                       "table %s has rules: what an %s of it does cannot be known", target->name, ctx->stmt->what);
        return FALSE;
    }
    if (key == NULL) {
        context_not_yet(error, "give the table a primary key or a unique index on NOT NULL columns",
                        "a backfill of a table without a usable key");
        return FALSE;
    }
    if (!check_operators(target->table, key, error))
        return FALSE;
    for (guint i = 0; i < dml->assignments->len; i++) {
        if (!check_assignment(ctx, target, key, g_ptr_array_index(dml->assignments, i), error))
            return FALSE;
    }
    return check_where(ctx, target, error);
}

/* ROW(t.a, t.b) > ROW(CAST($1 AS type), ...): parameters number from `first`. Where they are NULL there is no bound,
 * which the planner of the server sees before it chooses a scan. */
static char *
bound(const Step *step, const char *alias, const char *operator, guint first)
{
    g_autoptr(GString) left = g_string_new(NULL);
    g_autoptr(GString) right = g_string_new(NULL);
    const char *type = g_ptr_array_index(step->key_types, 0);

    for (guint i = 0; i < step->key->len; i++) {
        g_autofree char *column = sql_quote_name(alias, g_ptr_array_index(step->key, i));

        g_string_append_printf(left, "%s%s", i > 0 ? ", " : "", column);
        g_string_append_printf(right, "%sCAST($%u AS %s)", i > 0 ? ", " : "", first + i,
                               (const char *)g_ptr_array_index(step->key_types, i));
    }
    return g_strdup_printf("(CAST($%u AS %s) IS NULL OR ROW(%s) %s ROW(%s))", first, type, left->str, operator,
                           right->str);
}

/* The statement limited to one batch: greater than the key in $1.., at most the key in the parameters after them. */
static char *
batched(const Step *step, const Stmt *stmt, const char *still)
{
    const char *alias = step_get(step, PARAM_ALIAS);
    g_autofree char *above = bound(step, alias, step_get(step, PARAM_GREATER), 1);
    g_autofree char *up_to = bound(step, alias, step_get(step, PARAM_AT_MOST), step->key->len + 1);
    g_autofree char *condition =
        g_strdup_printf("%s%s%s AND %s", still != NULL ? still : "", still != NULL ? " AND " : "", above, up_to);

    return splice_condition(stmt->text, stmt->dml.where_keyword, stmt->dml.where.text, condition);
}

static Step *
add_step(PlanContext *ctx, const Target *target, const FactIndex *key, Phase phase)
{
    gboolean is_delete = ctx->stmt->kind == STMT_DELETE;
    Step *step = context_step(ctx, phase, is_delete ? STEP_BACKFILL_DELETE : STEP_BACKFILL_UPDATE, target);
    const char *alias = ctx->stmt->dml.alias;
    const FactColumn *first;

    for (guint i = 0; i < key->columns->len; i++) {
        const char *column = g_ptr_array_index(key->columns, i);

        g_ptr_array_add(step->key, g_strdup(column));
        g_ptr_array_add(step->key_types, g_strdup(facts_column(target->table, column)->key_type));
    }
    first = facts_column(target->table, g_ptr_array_index(key->columns, 0));
    step_set(step, PARAM_GREATER, first->greater_operator);
    step_set(step, PARAM_AT_MOST, first->at_most_operator);
    step_set(step, PARAM_ALIAS, alias != NULL ? alias : target->name);
    step->rows = target->table->rows;
    context_lock(step, target, LOCK_ROW_EXCLUSIVE, HOLD_BATCH);
    return step;
}

static void
note_fate(PlanContext *ctx, const Target *target, gboolean repeatable)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    gboolean is_delete = ctx->stmt->kind == STMT_DELETE;
    gboolean changes_old = is_delete;

    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);
        changes_old |= facts_column(target->table, assignment->column) != NULL;
    }
    if (!repeatable)
        plan_note(
            ctx->plan,
            "line %d: this %s changes each row exactly once and is not swept: of the rows inserted while it runs, "
            "those with a key above the highest one at its beginning are left alone, those with a key that the walk "
            "has still to reach are changed; what the applications write later stays as they write it",
            ctx->stmt->line, is_delete ? "DELETE" : "UPDATE");
    if (changes_old)
        plan_note(ctx->plan, "line %d: rollback does not bring back what this %s changes in existing columns",
                  ctx->stmt->line, is_delete ? "DELETE" : "UPDATE");
    if (target->table->triggers->len > 0)
        plan_note(ctx->plan, "line %d: triggers of %s fire for each row, as they would for the plain statement",
                  ctx->stmt->line, target->name);
}

gboolean
recipe_dml(PlanContext *ctx, GError **error)
{
    const DmlStmt *dml = &ctx->stmt->dml;
    const Target *target = context_target(ctx, &dml->relation, error);
    g_autofree char *still = NULL;
    const FactIndex *key;
    gboolean repeatable;
    Step *step;

    if (target == NULL)
        return FALSE;
    if (dml->unsupported != NULL) {
        g_autofree char *what = g_strdup_printf("%s with %s", ctx->stmt->what, dml->unsupported);
        context_not_yet(error, "-- pgseam: allow opaque because ... runs it as one statement", what);
        return FALSE;
    }
    if (target->table == NULL) {
        context_not_yet(error, "it has no rows yet: leave the statement out",
                        "changing rows of a table that is created in the same file");
        return FALSE;
    }
    key = facts_key(target->table);
    if (!check_dml(ctx, target, key, error))
        return FALSE;
    repeatable = repeatable_decide(ctx, target, ctx->stmt, &still);
    step = add_step(ctx, target, key, PHASE_BACKFILL);
    step->sql = batched(step, ctx->stmt, NULL);
    step->why =
        g_strdup_printf("as one statement it would lock every row until it ends; in batches by key, each row is "
                        "locked for one batch%s",
                        repeatable ? "" : ", and changed exactly once");
    g_hash_table_insert(ctx->stmts, step, (gpointer)ctx->stmt);
    if (repeatable)
        step_set(step, PARAM_REPEATABLE, "true");
    note_fate(ctx, target, repeatable);
    return TRUE;
}

static gboolean
has_contract(const PlanContext *ctx, const Step *backfill)
{
    for (guint i = 0; i < ctx->phases[PHASE_CONTRACT]->len; i++) {
        const Step *step = g_ptr_array_index(ctx->phases[PHASE_CONTRACT], i);

        if (g_strcmp0(step->table, backfill->table) == 0 && g_strcmp0(step->schema, backfill->schema) == 0)
            return TRUE;
    }
    return FALSE;
}

static void
insert_sweep(PlanContext *ctx, const Stmt *stmt, gint place)
{
    const Target *target = context_target(ctx, &stmt->dml.relation, NULL);
    g_autofree char *still = NULL;
    Step *step;

    g_assert(target != NULL && repeatable_decide(ctx, target, stmt, &still));
    ctx->stmt = stmt;
    step = add_step(ctx, target, facts_key(target->table), PHASE_CONTRACT);
    step->sql = batched(step, stmt, still);
    step->why =
        g_strdup("rows that the old application has written behind the walk: again until a whole pass finds none");
    step_set(step, PARAM_REPEATABLE, "true");
    step_set(step, PARAM_SWEEP, "true");
    g_ptr_array_insert(ctx->phases[PHASE_CONTRACT], place,
                       g_ptr_array_steal_index(ctx->phases[PHASE_CONTRACT], ctx->phases[PHASE_CONTRACT]->len - 1));
}

static gboolean
mentions(const GPtrArray *columns, const char *column)
{
    return columns != NULL && g_ptr_array_find_with_equal_func((GPtrArray *)columns, column, g_str_equal, NULL);
}

/* TRUE if the fate of a row under `dml` depends on `column`. */
static gboolean
depends_on(const DmlStmt *dml, const char *column)
{
    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);

        if (strcmp(assignment->column, column) == 0 || mentions(assignment->value.columns, column) ||
            assignment->value.has_whole_row)
            return TRUE;
    }
    return mentions(dml->where.columns, column) || dml->where.has_whole_row;
}

static gboolean
same_table(const PlanContext *ctx, const Stmt *a, const Stmt *b)
{
    return facts_find(ctx->facts, a->dml.relation.schema, a->dml.relation.name) ==
           facts_find(ctx->facts, b->dml.relation.schema, b->dml.relation.name);
}

static gboolean
check_one_later(PlanContext *ctx, const Stmt *swept, const Stmt *later, GError **error)
{
    for (guint i = 0; i < later->dml.assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(later->dml.assignments, i);

        if (!depends_on(&swept->dml, assignment->column))
            continue;
        ctx->offset = later->offset;
        context_refuse(error, "put this statement into a migration of its own, after this one",
                       "this UPDATE changes column \"%s\", by which the statement on line %d is swept before contract",
                       assignment->column, swept->line);
        return FALSE;
    }
    return TRUE;
}

/* A later UPDATE that changes what a sweep goes by: the sweep would meet rows that the later statement has changed, and
 * undo or repeat it. */
static gboolean
check_later(PlanContext *ctx, const Stmt *swept, GError **error)
{
    gboolean is_later = FALSE;

    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (is_later && stmt->kind == STMT_UPDATE && same_table(ctx, stmt, swept) &&
            !check_one_later(ctx, swept, stmt, error))
            return FALSE;
        is_later |= stmt == swept;
    }
    return TRUE;
}

gboolean
recipe_sweeps(PlanContext *ctx, GError **error)
{
    gint place = 0;

    for (guint i = 0; i < ctx->phases[PHASE_BACKFILL]->len; i++) {
        Step *step = g_ptr_array_index(ctx->phases[PHASE_BACKFILL], i);
        const Stmt *stmt = g_hash_table_lookup(ctx->stmts, step);
        char *why;

        if (!step_is(step, PARAM_REPEATABLE) || !has_contract(ctx, step))
            continue;
        if (!check_later(ctx, stmt, error))
            return FALSE;
        insert_sweep(ctx, stmt, place++);
        why = g_strconcat(step->why, "; rows written behind the walk are swept before contract", NULL);
        g_free(step->why);
        step->why = why;
    }
    return TRUE;
}
