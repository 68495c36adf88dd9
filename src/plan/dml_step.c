#include <string.h>

#include "base/sqltext.h"
#include "plan/dml.h"
#include "plan/key_sql.h"
#include "sql/splice.h"

/* Rows of other tables are locked by the checks of foreign keys, and changed by their actions. */
static void
lock_foreign(Step *step, const Stmt *stmt, const Target *target)
{
    g_autoptr(GPtrArray) assigned = dml_assigned(&stmt->dml);

    for (guint i = 0; target->table != NULL && i < target->table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(target->table->constraints, i);
        gboolean is_touched = stmt->kind == (constraint->is_inbound ? STMT_DELETE : STMT_INSERT);

        if (constraint->kind != 'f' || constraint->other_table == NULL)
            continue;
        for (guint k = 0; k < assigned->len; k++)
            is_touched |= g_ptr_array_find_with_equal_func(constraint->columns, g_ptr_array_index(assigned, k),
                                                           g_str_equal, NULL);
        if (is_touched && (strcmp(constraint->other_table, target->name) != 0 ||
                           strcmp(constraint->other_schema, target->schema) != 0))
            step_add_lock(step, constraint->other_schema, constraint->other_table,
                          constraint->is_inbound && dml_has_action(constraint) ? LOCK_ROW_EXCLUSIVE : LOCK_ROW_SHARE,
                          HOLD_BATCH, FALSE);
    }
}

static gboolean
is_locked(const Step *step, const FactTable *table)
{
    for (guint i = 0; i < step->locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(step->locks, i);

        if (strcmp(lock->table, table->name) == 0 && strcmp(lock->schema, table->schema) == 0)
            return TRUE;
    }
    return FALSE;
}

static void
add_locks(const PlanContext *ctx, Step *step, const Target *target)
{
    const DmlStmt *dml = &ctx->stmt->dml;

    context_lock(step, target, LOCK_ROW_EXCLUSIVE, HOLD_BATCH);
    lock_foreign(step, ctx->stmt, target);
    for (guint i = 0; i < dml->reads->len; i++) {
        gboolean is_created;
        const FactTable *table = dml_resolve(ctx, g_ptr_array_index(dml->reads, i), &is_created);

        if (table != NULL && !is_locked(step, table))
            step_add_lock(step, table->schema, table->name, LOCK_ACCESS_SHARE, HOLD_BATCH, FALSE);
    }
}

static void
set_key(Step *step, const FactTable *table, const FactIndex *key)
{
    const FactColumn *first = facts_column(table, g_ptr_array_index(key->columns, 0));

    for (guint i = 0; i < key->columns->len; i++) {
        const char *column = g_ptr_array_index(key->columns, i);

        g_ptr_array_add(step->key, g_strdup(column));
        g_ptr_array_add(step->key_types, g_strdup(facts_column(table, column)->key_type));
    }
    step_set(step, PARAM_GREATER, first->greater_operator);
    step_set(step, PARAM_AT_MOST, first->at_most_operator);
}

/* Greater than the key in $1.., at most the key in the parameters after them. */
static char *
key_condition(const Step *step, const char *qualifier)
{
    g_autofree char *above = key_sql_bound(step, qualifier, step_get(step, PARAM_GREATER), 1);
    g_autofree char *up_to = key_sql_bound(step, qualifier, step_get(step, PARAM_AT_MOST), step->key->len + 1);

    return g_strdup_printf("%s AND %s", above, up_to);
}

/* TID range scans are there from PostgreSQL 14 on. */
static char *
block_condition(const char *qualifier)
{
    return sql_build("?.ctid OPERATOR(pg_catalog.>=) CAST($1 AS pg_catalog.tid) AND ?.ctid OPERATOR(pg_catalog.<) "
                     "CAST($2 AS pg_catalog.tid)",
                     sql_raw(qualifier), sql_raw(qualifier));
}

/* What columns of the row in hand are qualified with in our condition: beside a table of the same name in another
 * schema, with the schema, too. */
static char *
qualifier_of(const DmlStmt *dml, const DmlChoice *choice)
{
    if (dml->alias == NULL && choice->walked != NULL && dml_has_namesake(dml))
        return sql_quote_name(choice->walked->schema, choice->walked->name);
    return sql_quote_ident(dml_alias(dml));
}

static void
set_sql(const PlanContext *ctx, Step *step, const DmlChoice *choice)
{
    g_autofree char *qualifier = qualifier_of(&ctx->stmt->dml, choice);
    g_autofree char *range = choice->way == DML_BY_KEY    ? key_condition(step, qualifier)
                             : choice->way == DML_BY_CTID ? block_condition(qualifier)
                                                          : NULL;
    g_autofree char *condition =
        range != NULL && choice->still != NULL ? g_strdup_printf("%s AND %s", choice->still, range) : NULL;

    if (condition == NULL && range == NULL && choice->still == NULL)
        step->sql = g_strdup(ctx->stmt->text);
    else
        step->sql = splice_condition(ctx->stmt, condition != NULL ? condition : range != NULL ? range : choice->still);
}

static StepKind
kind_of(const Stmt *stmt, DmlWay way)
{
    if (way == DML_ONCE || way == DML_PATIENT)
        return STEP_DML_ONCE;
    return stmt->kind == STMT_INSERT   ? STEP_BACKFILL_INSERT
           : stmt->kind == STMT_DELETE ? STEP_BACKFILL_DELETE
                                       : STEP_BACKFILL_UPDATE;
}

Step *
dml_step(PlanContext *ctx, const Target *target, Phase phase, const DmlChoice *choice)
{
    Step *step = context_step(ctx, phase, kind_of(ctx->stmt, choice->way), target);
    const FactTable *walked = choice->walked;

    if (choice->way == DML_BY_KEY)
        set_key(step, walked, choice->key);
    if (choice->way == DML_BY_CTID)
        step_set(step, PARAM_WALK, "ctid");
    if (choice->way == DML_PATIENT)
        step_set(step, PARAM_PATIENT, "true");
    if (choice->way == DML_ONCE && walked != NULL)
        step_set(step, PARAM_SMALL, "true");
    if (walked != NULL && walked != target->table) {
        step_set(step, PARAM_WALK_SCHEMA, walked->schema);
        step_set(step, PARAM_WALK_TABLE, walked->name);
    }
    if (choice->way == DML_BY_KEY || choice->way == DML_BY_CTID)
        step_set(step, PARAM_ALIAS, dml_alias(&ctx->stmt->dml));
    if (choice->is_repeatable)
        step_set(step, PARAM_REPEATABLE, "true");
    step->rows = walked != NULL ? walked->rows : 0;
    set_sql(ctx, step, choice);
    add_locks(ctx, step, target);
    return step;
}
