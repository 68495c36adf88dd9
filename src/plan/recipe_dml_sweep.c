/*
 * Sweeps: a repeatable backfill of a table with a contract is swept again before it.
 */
#include <string.h>

#include "base/names.h"
#include "plan/dml.h"

static gboolean
has_contract(const PlanContext *ctx, const Step *backfill)
{
    for (guint i = 0; i < ctx->phases[PHASE_CONTRACT]->len; i++) {
        const Step *step = g_ptr_array_index(ctx->phases[PHASE_CONTRACT], i);

        if (step_is_of(step, backfill->schema, backfill->table))
            return TRUE;
    }
    return FALSE;
}

/* As the backfill ran, with the condition under which a row still needs it. */
static DmlChoice
choice_of(const Step *backfill, const Target *target, const DmlStmt *dml)
{
    g_autoptr(GPtrArray) assigned = dml_assigned(dml);
    DmlChoice choice = {.way = DML_BY_KEY, .walked = target->table, .is_repeatable = TRUE};

    if (backfill->kind == STEP_DML_ONCE)
        choice.way = DML_ONCE;
    else if (g_strcmp0(step_get(backfill, PARAM_WALK), "ctid") == 0)
        choice.way = DML_BY_CTID;
    else
        choice.key = facts_key_without(target->table, assigned);
    return choice;
}

/* A sweep of `backfill`, at `place` of a phase. */
static void
insert_sweep(PlanContext *ctx, const Step *backfill, const Stmt *stmt, Phase phase, gint place)
{
    GPtrArray *steps = ctx->phases[phase];
    const Target *target = dml_target(ctx, stmt, NULL);
    DmlChoice choice = choice_of(backfill, target, &stmt->dml);
    g_autofree char *still = NULL;
    Step *step;

    g_assert(target != NULL && repeatable_decide(ctx, target, stmt, &still));
    ctx->stmt = stmt;
    choice.still = still;
    step = dml_step(ctx, target, phase, &choice);
    step->why =
        g_strdup("rows that the old application has written behind the walk: again until a whole pass finds none");
    step_set(step, PARAM_SWEEP, "true");
    g_ptr_array_insert(steps, place, g_ptr_array_steal_index(steps, steps->len - 1));
}

/* TRUE if the fate of a row under `dml` depends on `column`. */
static gboolean
depends_on(const DmlStmt *dml, const char *column)
{
    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);

        if (strcmp(assignment->column, column) == 0 || names_contain(assignment->value.columns, column) ||
            assignment->value.has_whole_row)
            return TRUE;
    }
    return names_contain(dml->where.columns, column) || dml->where.has_whole_row;
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
                       "this UPDATE changes column \"%s\", by which the statement on %s is swept before contract",
                       assignment->column, swept->place);
        return FALSE;
    }
    return TRUE;
}

/* A later change of rows in a table that the sweep reads. */
static gboolean
check_reads(PlanContext *ctx, const Stmt *swept, const Stmt *later, GError **error)
{
    for (guint i = 0; i < swept->dml.reads->len; i++) {
        const RelName *read = g_ptr_array_index(swept->dml.reads, i);
        const FactTable *table = facts_find(ctx->facts, read->schema, read->name);

        if (table == NULL || table != facts_find(ctx->facts, later->dml.relation.schema, later->dml.relation.name))
            continue;
        ctx->offset = later->offset;
        context_refuse(error, "put this statement into a migration of its own, after this one",
                       "this statement changes table %s, which the statement on %s reads when it is swept before "
                       "contract",
                       table->name, swept->place);
        return FALSE;
    }
    return TRUE;
}

static gboolean
is_dml(const Stmt *stmt)
{
    return stmt->kind == STMT_UPDATE || stmt->kind == STMT_DELETE || stmt->kind == STMT_INSERT;
}

/* A later UPDATE that changes what a sweep goes by: the sweep would meet rows that the later statement has changed, and
 * undo or repeat it. */
static gboolean
check_later(PlanContext *ctx, const Stmt *swept, GError **error)
{
    gboolean is_later = FALSE;

    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);

        if (is_later && is_dml(stmt) && !check_reads(ctx, swept, stmt, error))
            return FALSE;
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
        /* Behind the gate a column that a trigger keeps in step may be NULL because the new application says so. */
        if (g_hash_table_contains(ctx->kept, step)) {
            insert_sweep(ctx, step, stmt, PHASE_BACKFILL, (gint)++i);
            continue;
        }
        insert_sweep(ctx, step, stmt, PHASE_CONTRACT, place++);
        why = g_strconcat(step->why, "; rows written behind the walk are swept before contract", NULL);
        g_free(step->why);
        step->why = why;
    }
    return TRUE;
}
