/*
 * UNIQUE and PRIMARY KEY: the index is built concurrently, then becomes the constraint in an instant (research: recipes
 * R4 and R5, measured on 12 to 18). A primary key's columns are proven NOT NULL before, or PostgreSQL would scan under
 * ACCESS EXCLUSIVE.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/naming.h"
#include "plan/recipe.h"

/* A column that this file adds keeps the rows of the old application apart: NULL, or a new value in each. */
static gboolean
is_distinct_in_old_rows(const PlanContext *ctx, const ColumnChange *added, const ConstraintDef *unique)
{
    const Expr *value = &added->definition->default_value;

    for (guint i = 0; i < added->definition->constraints->len; i++) {
        const ConstraintDef *constraint = g_ptr_array_index(added->definition->constraints, i);

        if (constraint->kind == CONSTRAINT_IDENTITY)
            return TRUE;
    }
    if (context_is_serial(added->definition->type_name))
        return TRUE;
    if (value->text == NULL)
        return unique->kind == CONSTRAINT_UNIQUE && !unique->nulls_not_distinct;
    return context_volatility(ctx, value) == 'v';
}

static gboolean
old_writers_may_violate(const PlanContext *ctx, const Target *target, const ConstraintDef *constraint)
{
    for (guint i = 0; i < constraint->columns->len; i++) {
        const ColumnChange *added = context_added(ctx, target, g_ptr_array_index(constraint->columns, i));

        if (added != NULL && is_distinct_in_old_rows(ctx, added, constraint))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_columns(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error)
{
    for (guint i = 0; i < constraint->columns->len; i++) {
        if (!context_check_column(ctx, target, g_ptr_array_index(constraint->columns, i), error))
            return FALSE;
    }
    return TRUE;
}

static const FactConstraint *
primary_key(const Target *target)
{
    for (guint i = 0; i < target->table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(target->table->constraints, i);

        if (constraint->kind == 'p')
            return constraint;
    }
    return NULL;
}

/* A table has one primary key: the old one must go in the transaction in which the new one comes. `ret_drop`: the step
 * that drops it, or NULL if there is none. */
static gboolean
check_primary(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, Step **ret_drop, GError **error)
{
    const FactConstraint *old = primary_key(target);

    *ret_drop = NULL;
    if (constraint->kind != CONSTRAINT_PRIMARY || old == NULL)
        return TRUE;
    *ret_drop = context_planned(ctx, target, STEP_DDL_FINAL, PARAM_CONSTRAINT, old->name);
    if (*ret_drop != NULL)
        return TRUE;
    context_refuse(error, "drop it by a statement before this one, in the same file: both then change at once",
                   "table %s has a primary key already: \"%s\"", target->name, old->name);
    return FALSE;
}

static void
find_duplicates(Step *step, const Target *target, const ConstraintDef *constraint)
{
    g_autofree char *columns = sql_quote_list(constraint->columns);
    g_autoptr(GString) filled = g_string_new("true");
    SqlArg table = sql_name(target->schema, target->name);
    gboolean nulls_count = constraint->nulls_not_distinct;

    for (guint i = 0; !nulls_count && i < constraint->columns->len; i++) {
        g_autofree char *column = sql_quote_ident(g_ptr_array_index(constraint->columns, i));

        g_string_append_printf(filled, " AND %s IS NOT NULL", column);
    }
    step_append(step, PARAM_COUNT,
                sql_build("SELECT pg_catalog.count(*) FROM (SELECT FROM ? WHERE ? GROUP BY ? HAVING "
                          "pg_catalog.count(*) > 1) AS d",
                          table, sql_raw(filled->str), sql_raw(columns)));
    step_append(step, PARAM_SHOW,
                sql_build("SELECT CAST(ROW(?) AS pg_catalog.text) || ': ' || pg_catalog.count(*) || ' rows' FROM ? "
                          "WHERE ? GROUP BY ? HAVING pg_catalog.count(*) > 1 LIMIT 5",
                          sql_raw(columns), table, sql_raw(filled->str), sql_raw(columns)));
}

static void
add_index(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, Phase phase, const char *name)
{
    g_autofree char *columns = sql_quote_list(constraint->columns);
    g_autofree char *plain = effect_describe("ADD UNIQUE", ctx->facts->server_version);
    Step *step = context_step(ctx, phase, STEP_INDEX_CREATE, target);

    step->sql = sql_build("CREATE UNIQUE INDEX CONCURRENTLY ? ON ? (?)??", sql_ident(name),
                          sql_name(target->schema, target->name), sql_raw(columns),
                          sql_raw(constraint->index_tail != NULL ? " " : ""),
                          sql_raw(constraint->index_tail != NULL ? constraint->index_tail : ""));
    step->why = g_strdup_printf("as it stands the constraint takes %s; concurrently it blocks neither reads nor "
                                "writes%s",
                                plain, phase == PHASE_CONTRACT ? "; rows of the old application might violate it" : "");
    step->rows = target->table->rows;
    step_set(step, PARAM_INDEX, name);
    find_duplicates(step, target, constraint);
    context_lock(step, target, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_BUILD);
    g_hash_table_add(ctx->index_names, sql_quote_name(target->schema, name));
}

/* "PRIMARY KEY USING INDEX i DEFERRABLE" */
static char *
using_index(const Target *target, const ConstraintDef *constraint, const char *name, const char *index)
{
    return sql_build("ALTER TABLE ? ADD CONSTRAINT ? ? USING INDEX ???", sql_name(target->schema, target->name),
                     sql_ident(name), sql_raw(constraint->kind == CONSTRAINT_PRIMARY ? "PRIMARY KEY" : "UNIQUE"),
                     sql_ident(index), sql_raw(constraint->attributes != NULL ? " " : ""),
                     sql_raw(constraint->attributes != NULL ? constraint->attributes : ""));
}

static void
add_constraint(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, Phase phase, const char *name)
{
    const char *index = constraint->index != NULL ? constraint->index : name;
    Step *step = context_step(ctx, phase, STEP_CONSTRAINT_ADD, target);

    step->sql = using_index(target, constraint, name, index);
    step->why = g_strdup("the index is there: only catalog rows change");
    step_set(step, PARAM_CONSTRAINT, name);
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
}

static gboolean
add_not_null(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, Phase phase, GError **error)
{
    for (guint i = 0; constraint->kind == CONSTRAINT_PRIMARY && i < constraint->columns->len; i++) {
        const char *name = g_ptr_array_index(constraint->columns, i);
        const FactColumn *column = facts_column(target->table, name);
        const ColumnChange *added = context_added(ctx, target, name);

        if ((column != NULL && column->is_not_null) || (added != NULL && added->definition->is_not_null) ||
            context_planned(ctx, target, STEP_CHECK_ADD_NOT_VALID, PARAM_COLUMN, name) != NULL)
            continue;
        if (!recipe_not_null_in(ctx, target, name, NULL, phase, error))
            return FALSE;
    }
    return TRUE;
}

/* The new key takes the place of the old one in the transaction that drops that; PostgreSQL gives the index the name of
 * the constraint. */
static gboolean
replace_primary(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, Step *drop, GError **error)
{
    g_autofree char *name =
        constraint->name != NULL ? g_strdup(constraint->name) : constraint_default_name(target->name, constraint, 0);
    g_autofree char *index = name_bounded("new", name);

    if (!add_not_null(ctx, target, constraint, PHASE_CONTRACT, error))
        return FALSE;
    add_index(ctx, target, constraint, PHASE_CONTRACT, index);
    step_append(drop, PARAM_MORE, using_index(target, constraint, name, index));
    plan_note(ctx->plan, "%s: the primary key is replaced: both constraints change in one transaction",
              ctx->stmt->place);
    return TRUE;
}

/* USING INDEX: one that is there, or that this file makes. */
static gboolean
recipe_using_index(PlanContext *ctx, const Target *target, const ConstraintDef *written, GError **error)
{
    const FactIndex *index = facts_index(target->table, written->index);
    const Step *planned = context_planned(ctx, target, STEP_INDEX_CREATE, PARAM_INDEX, written->index);
    ConstraintDef filled = *written;
    const ConstraintDef *constraint = &filled;
    g_autofree char *name = NULL;
    Step *step;

    if (index == NULL && planned == NULL) {
        context_refuse(error, NULL, "index \"%s\" of table %s does not exist", constraint->index, target->name);
        return FALSE;
    }
    if (index != NULL && (!index->is_unique || !index->is_valid || index->is_partial || index->columns == NULL ||
                          index->constraint != NULL)) {
        context_refuse(error, NULL,
                       "index \"%s\" cannot become a constraint: it must be unique, valid, without a predicate or an "
                       "expression, and not belong to a constraint",
                       constraint->index);
        return FALSE;
    }
    if (filled.name == NULL)
        filled.name = filled.index;
    if (index != NULL)
        filled.columns = index->columns;
    name = context_constraint_name(ctx, target, constraint, error);
    if (name == NULL || !add_not_null(ctx, target, constraint, PHASE_CONTRACT, error))
        return FALSE;
    if (planned != NULL) {
        add_constraint(ctx, target, constraint, PHASE_CONTRACT, name);
        return TRUE;
    }
    step = context_step(ctx, PHASE_CONTRACT, STEP_DDL_FINAL, target);
    step->sql = using_index(target, constraint, name, constraint->index);
    step->why = g_strdup("the index is there: only catalog rows change; dropping the constraint would take the index, "
                         "so it waits behind the gate");
    step_set(step, PARAM_CONSTRAINT, name);
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    return TRUE;
}

gboolean
recipe_unique(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error)
{
    g_autofree char *name = NULL;
    Phase phase;
    Step *drop;

    if (!check_primary(ctx, target, constraint, &drop, error))
        return FALSE;
    if (target->table->kind == 'p' && (drop != NULL || constraint->index != NULL)) {
        context_refuse(error, "write ADD ... (columns), and drop the old key in a migration of its own",
                       "PostgreSQL takes no index that is there for a constraint of a partitioned table");
        return FALSE;
    }
    if (constraint->index != NULL && drop == NULL)
        return recipe_using_index(ctx, target, constraint, error);
    if (constraint->index != NULL) {
        context_not_yet(error, "write ADD PRIMARY KEY (columns): its index is built concurrently",
                        "replacing a primary key by an index that is there");
        return FALSE;
    }
    if (!check_columns(ctx, target, constraint, error))
        return FALSE;
    if (drop != NULL)
        return replace_primary(ctx, target, constraint, drop, error);
    phase = context_phase_after(ctx, target, old_writers_may_violate(ctx, target, constraint));
    name = context_constraint_name(ctx, target, constraint, error);
    if (name == NULL || !add_not_null(ctx, target, constraint, phase, error))
        return FALSE;
    if (target->table->kind == 'p')
        return recipe_unique_partitioned(ctx, target, constraint, phase, name, error);
    add_index(ctx, target, constraint, phase, name);
    add_constraint(ctx, target, constraint, phase, name);
    return TRUE;
}
