/*
 * Constraints of ordinary tables: ADD CHECK here, the others in files of their own; VALIDATE and DROP (research:
 * recipes R1, R3, R4, R5, R9, measured on 12 to 18).
 *
 * A constraint that rows of the old application may violate waits for the contract phase; one on columns that this file
 * adds does not, since the old application leaves them alone.
 */
#include <string.h>

#include "base/names.h"
#include "base/sqltext.h"
#include "plan/naming.h"
#include "plan/recipe_rewrite.h"

const FactConstraint *
context_constraint(const Target *target, const char *name)
{
    return target->table != NULL ? facts_constraint(target->table, name) : NULL;
}

void
context_append_comment(Step *step, const char *param, const Target *target, const FactConstraint *constraint)
{
    if (constraint->comment != NULL)
        step_append(step, param,
                    sql_build("COMMENT ON CONSTRAINT ? ON ? IS ?", sql_ident(constraint->name),
                              sql_name(target->schema, target->name), sql_literal(constraint->comment)));
}

static char *
own_key(const Target *target, const char *name)
{
    g_autofree char *table = sql_quote_name(target->schema, target->name);
    g_autofree char *quoted = sql_quote_ident(name);

    return g_strdup_printf("%s.%s", table, quoted);
}

/* TRUE if an earlier statement of the file drops a constraint of this name: the drop runs last of all. */
static gboolean
is_dropped(const PlanContext *ctx, const Target *target, const char *name)
{
    return context_planned(ctx, target, STEP_DDL_FINAL, PARAM_CONSTRAINT, name) != NULL;
}

/* The new one lives under a name of ours beside the old one, until the transaction that drops the old one gives it its
 * name. Takes `name` over. */
static char *
name_beside(PlanContext *ctx, const Target *target, char *name)
{
    Step *drop = context_planned(ctx, target, STEP_DDL_FINAL, PARAM_CONSTRAINT, name);
    char *beside = name_bounded("new", name);

    step_append(drop, PARAM_MORE,
                sql_build("ALTER TABLE ? RENAME CONSTRAINT ? TO ?", sql_name(target->schema, target->name),
                          sql_ident(beside), sql_ident(name)));
    plan_note(ctx->plan,
              "%s: constraint \"%s\" is replaced: the new one is made beside the old one, and takes its name in "
              "the transaction that drops that",
              ctx->stmt->place, name);
    g_free(name);
    return beside;
}

/* PostgreSQL takes the first that no constraint of the schema has, and for an index no relation either. */
static gboolean
is_free(const PlanContext *ctx, const Target *target, const ConstraintDef *constraint, const char *name)
{
    g_autofree char *qualified = sql_quote_name(target->schema, name);
    g_autofree char *key = own_key(target, name);
    gboolean is_index = constraint->kind == CONSTRAINT_UNIQUE || constraint->kind == CONSTRAINT_PRIMARY;

    if (is_dropped(ctx, target, name) && !g_hash_table_contains(ctx->constraint_names, key))
        return TRUE;
    return !g_hash_table_contains(ctx->facts->constraints, qualified) && context_constraint(target, name) == NULL &&
           !g_hash_table_contains(ctx->constraint_names, key) &&
           !(is_index && context_is_relation_taken(ctx, target->schema, name));
}

void
context_claim_constraint(PlanContext *ctx, const Target *target, const char *name)
{
    g_hash_table_add(ctx->constraint_names, own_key(target, name));
}

gboolean
context_is_constraint_taken(const PlanContext *ctx, const Target *target, const char *name)
{
    g_autofree char *qualified = sql_quote_name(target->schema, name);
    g_autofree char *key = own_key(target, name);

    return g_hash_table_contains(ctx->facts->constraints, qualified) ||
           g_hash_table_contains(ctx->constraint_names, key);
}

static char *
chosen_name(const PlanContext *ctx, const Target *target, const ConstraintDef *constraint)
{
    for (unsigned number = 0; number < CONSTRAINT_NAMES; number++) {
        g_autofree char *name = constraint_default_name(target->name, constraint, number);

        if (name != NULL && is_free(ctx, target, constraint, name))
            return g_steal_pointer(&name);
    }
    return NULL;
}

/* The index of UNIQUE and PRIMARY KEY is a relation of the same name. */
static gboolean
is_index_name_free(const PlanContext *ctx, const Target *target, const ConstraintDef *constraint, const char *name)
{
    if ((constraint->kind != CONSTRAINT_UNIQUE && constraint->kind != CONSTRAINT_PRIMARY) ||
        constraint->index != NULL || is_dropped(ctx, target, name))
        return TRUE;
    return !context_is_relation_taken(ctx, target->schema, name);
}

char *
context_constraint_name(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error)
{
    g_autofree char *name = constraint->name != NULL ? g_strdup(constraint->name) : NULL;
    char *key;

    if (name == NULL)
        name = chosen_name(ctx, target, constraint);
    if (name == NULL) {
        context_refuse(error, "give it a name: ADD CONSTRAINT name ...",
                       "there are already ten constraints named like this one");
        return NULL;
    }
    if (strlen(name) > NAME_MAX_BYTES) {
        context_refuse(error, "shorten it", "constraint name \"%s\" is longer than 63 bytes", name);
        return NULL;
    }
    key = own_key(target, name);
    if ((context_constraint(target, name) != NULL && !is_dropped(ctx, target, name)) ||
        g_hash_table_contains(ctx->constraint_names, key)) {
        context_refuse(error, NULL, "constraint \"%s\" of table %s exists already", name, target->name);
        g_free(key);
        return NULL;
    }
    if (constraint->name != NULL && !is_index_name_free(ctx, target, constraint, name)) {
        context_refuse(error, "give it another name",
                       "relation \"%s\" exists already: the constraint's index cannot have this name", name);
        g_free(key);
        return NULL;
    }
    g_hash_table_add(ctx->constraint_names, key);
    return is_dropped(ctx, target, name) ? name_beside(ctx, target, g_steal_pointer(&name)) : g_steal_pointer(&name);
}

/* A check inline in a column that this file adds, which reads that column alone and nothing that changes: the server
 * has tried it on the row that the old application writes (probe_check in probes.c). Of any other nobody knows. */
static gboolean
is_added_only(const PlanContext *ctx, const Target *target, const ConstraintDef *constraint)
{
    const Expr *check = &constraint->check;
    gboolean any = FALSE;

    if (!constraint->is_inline || context_volatility(ctx, check) == 'v')
        return FALSE;
    for (guint i = 0; i < check->columns->len; i++) {
        const char *column = g_ptr_array_index(check->columns, i);

        if (!context_has_column(ctx, target, column))
            continue;
        if (context_added(ctx, target, column) == NULL || strcmp(column, g_ptr_array_index(check->columns, 0)) != 0)
            return FALSE;
        any = TRUE;
    }
    return any && !check->has_whole_row;
}

static gboolean
check_predicate(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error)
{
    if (constraint->check.has_subquery) {
        context_refuse(error, NULL, "a CHECK cannot have a subquery");
        return FALSE;
    }
    return context_check_expr(ctx, target, &constraint->check, NULL, error);
}

/* Which rows fail: a check fails where it is false, not where it is unknown. */
static void
find_violations(Step *step, const Target *target, const ConstraintDef *constraint)
{
    SqlArg table = sql_name(target->schema, target->name);
    SqlArg check = sql_raw(constraint->check.text);
    SqlArg alias = sql_ident(target->name);

    step_append(step, PARAM_COUNT,
                sql_build("SELECT pg_catalog.count(*) FROM ? AS ? WHERE (?\n) IS FALSE", table, alias, check));
    step_append(step, PARAM_SHOW,
                sql_build("SELECT CAST(? AS pg_catalog.text) FROM ? AS ? WHERE (?\n) IS FALSE LIMIT 5", alias, table,
                          alias, check));
}

static gboolean
recipe_check(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error)
{
    SqlArg table = sql_name(target->schema, target->name);
    g_autofree char *plain = effect_describe("ADD CHECK", ctx->facts->server_version);
    g_autofree char *name = NULL;
    gboolean is_contract;
    Phase phase;
    Step *step;

    if (!check_predicate(ctx, target, constraint, error))
        return FALSE;
    name = context_constraint_name(ctx, target, constraint, error);
    if (name == NULL)
        return FALSE;
    is_contract = !is_added_only(ctx, target, constraint);
    phase = context_phase_after(ctx, target, is_contract);
    step = context_step(ctx, phase, STEP_CHECK_ADD_NOT_VALID, target);
    step->sql = sql_build("ALTER TABLE ? ADD CONSTRAINT ? ??", table, sql_ident(name), sql_raw(constraint->body),
                          sql_raw(constraint->is_not_valid ? "" : " NOT VALID"));
    step->why = g_strdup_printf("as it stands it takes %s; this way only new rows are checked%s", plain,
                                is_contract ? "; rows of the old application might violate it" : "");
    step_set(step, PARAM_CONSTRAINT, name);
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    if (constraint->is_not_valid)
        return TRUE;
    step = context_step(ctx, phase, STEP_CHECK_VALIDATE, target);
    step->sql = sql_build("ALTER TABLE ? VALIDATE CONSTRAINT ?", table, sql_ident(name));
    step->why = g_strdup("reads every row once, while reads and writes go on");
    step->rows = target->table != NULL ? target->table->rows : 0;
    step_set(step, PARAM_CONSTRAINT, name);
    find_violations(step, target, constraint);
    context_lock(step, target, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_SCAN);
    return TRUE;
}

/* It goes with its table. */
static gboolean
unnamed_as_written(PlanContext *ctx, const Target *target, const ConstraintDef *constraint)
{
    Step *step = context_step(ctx, PHASE_EXPAND, STEP_DDL_RUN, target);

    step->sql = sql_build("ALTER TABLE ? ADD ?", sql_name(target->schema, target->name), sql_raw(constraint->body));
    step->why = g_strdup("the table is made by this file: nobody else uses it yet");
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    return TRUE;
}

/* A constraint on a table that this file makes: nobody writes to it yet, so it may stay as it is. */
static gboolean
as_written(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error)
{
    g_autofree char *name = NULL;
    Step *step;

    if (constraint->kind == CONSTRAINT_EXCLUDE && constraint->name == NULL)
        return unnamed_as_written(ctx, target, constraint);
    name = context_constraint_name(ctx, target, constraint, error);
    if (name == NULL)
        return FALSE;
    step = context_step(ctx, PHASE_EXPAND, STEP_DDL_RUN, target);
    step->sql = sql_build("ALTER TABLE ? ADD CONSTRAINT ? ?", sql_name(target->schema, target->name), sql_ident(name),
                          sql_raw(constraint->body));
    step->why = g_strdup("the table is made by this file: nobody else uses it yet");
    step_append(step, PARAM_UNDO,
                sql_build("ALTER TABLE ? DROP CONSTRAINT ?", sql_name(target->schema, target->name), sql_ident(name)));
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    return TRUE;
}

/* PostgreSQL builds no index for it concurrently: it is built on a copy. */
static gboolean
recipe_exclude(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error)
{
    TableRewrite *rewrite;
    g_autofree char *name = NULL;
    g_autofree char *text = NULL;

    if (constraint->name == NULL) {
        context_refuse(error, "ADD CONSTRAINT name EXCLUDE ...", "an exclusion constraint gets a name of its own");
        return FALSE;
    }
    rewrite = rewrite_plan(ctx, target, error);
    if (rewrite == NULL || !context_check_expr(ctx, target, &constraint->check, NULL, error))
        return FALSE;
    if (context_is_relation_taken(ctx, target->schema, constraint->name)) {
        context_refuse(error, "give it another name",
                       "relation \"%s\" exists already: the constraint's index cannot have this name",
                       constraint->name);
        return FALSE;
    }
    name = context_constraint_name(ctx, target, constraint, error);
    if (name == NULL)
        return FALSE;
    text = sql_build("ADD CONSTRAINT ? ?", sql_ident(name), sql_raw(constraint->body));
    rewrite_add(ctx, rewrite, REWRITE_TABLE, PARAM_BUILD, text)->reason =
        g_strdup("the index of EXCLUDE is built under ACCESS EXCLUSIVE, and PostgreSQL builds none concurrently");
    g_hash_table_add(ctx->index_names, sql_quote_name(target->schema, name));
    plan_note(ctx->plan,
              "%s: rows that are there must fulfil \"%s\", or the copy stops before the cut-over; from then on it "
              "is enforced, for the old application, too",
              ctx->stmt->place, name);
    return TRUE;
}

gboolean
recipe_constraint(PlanContext *ctx, const Target *target, const ConstraintDef *constraint, GError **error)
{
    switch (constraint->kind) {
        case CONSTRAINT_FOREIGN:
            return recipe_foreign_key(ctx, target, constraint, error);
        case CONSTRAINT_CHECK:
            return target->table == NULL ? as_written(ctx, target, constraint, error)
                                         : recipe_check(ctx, target, constraint, error);
        case CONSTRAINT_UNIQUE:
        case CONSTRAINT_PRIMARY:
            return target->table == NULL ? as_written(ctx, target, constraint, error)
                                         : recipe_unique(ctx, target, constraint, error);
        case CONSTRAINT_EXCLUDE:
            if (target->table == NULL)
                return as_written(ctx, target, constraint, error);
            return recipe_exclude(ctx, target, constraint, error);
        default:
            context_not_yet(error, NULL, "this kind of constraint");
            return FALSE;
    }
}

gboolean
recipe_add_constraint(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql G_GNUC_UNUSED,
                      GError **error)
{
    return recipe_constraint(ctx, target, cmd->constraint, error);
}

/* A constraint that an earlier statement of the file adds NOT VALID: its step, whatever its kind. */
static Step *
planned_constraint(const PlanContext *ctx, const Target *target, const char *name)
{
    static const StepKind kinds[] = {STEP_CHECK_ADD_NOT_VALID, STEP_FOREIGN_KEY_ADD_NOT_VALID, STEP_CONSTRAINT_ADD};

    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        Step *step = context_planned(ctx, target, kinds[i], PARAM_CONSTRAINT, name);

        if (step != NULL)
            return step;
    }
    return NULL;
}

static void
add_validate(PlanContext *ctx, const Target *target, const char *name, const char *sql, const Step *added)
{
    const FactConstraint *existing = context_constraint(target, name);
    gboolean is_foreign =
        added != NULL ? added->kind == STEP_FOREIGN_KEY_ADD_NOT_VALID : existing != NULL && existing->kind == 'f';
    SqlArg table = sql_name(target->schema, target->name);
    Phase phase = added != NULL ? added->phase : context_phase_after(ctx, target, FALSE);
    Step *step = context_step(ctx, phase, is_foreign ? STEP_FOREIGN_KEY_VALIDATE : STEP_CHECK_VALIDATE, target);

    step->sql = g_strdup(sql);
    step->why = g_strdup("reads every row once, while reads and writes go on");
    step->rows = target->table->rows;
    step_set(step, PARAM_CONSTRAINT, name);
    context_lock(step, target, LOCK_SHARE_UPDATE_EXCLUSIVE, HOLD_SCAN);
    if (existing != NULL && is_foreign)
        step_add_lock(step, existing->other_schema, existing->other_table, LOCK_ROW_SHARE, HOLD_SCAN,
                      existing->other_is_owned);
    for (guint i = 1; added != NULL && i < added->locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(added->locks, i);

        step_add_lock(step, lock->schema, lock->table, LOCK_ROW_SHARE, HOLD_SCAN, lock->is_owned);
    }
    if (existing == NULL)
        return;
    step_append(step, PARAM_UNDO, sql_build("ALTER TABLE ? DROP CONSTRAINT ?", table, sql_ident(name)));
    step_append(step, PARAM_UNDO,
                sql_build("ALTER TABLE ? ADD CONSTRAINT ? ?", table, sql_ident(name), sql_raw(existing->definition)));
    context_append_comment(step, PARAM_UNDO, target, existing);
}

gboolean
recipe_validate_constraint(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    gboolean is_replaced = is_dropped(ctx, target, cmd->column);
    g_autofree char *name = is_replaced ? name_bounded("new", cmd->column) : g_strdup(cmd->column);
    const FactConstraint *existing = is_replaced ? NULL : context_constraint(target, cmd->column);
    const Step *added = planned_constraint(ctx, target, name);
    g_autofree char *beside = NULL;

    if (existing == NULL && added == NULL) {
        context_refuse(error, NULL, "constraint \"%s\" of table %s does not exist", cmd->column, target->name);
        return FALSE;
    }
    if ((existing != NULL && existing->is_valid) ||
        (added != NULL &&
         (context_planned(ctx, target, STEP_CHECK_VALIDATE, PARAM_CONSTRAINT, cmd->column) != NULL ||
          context_planned(ctx, target, STEP_FOREIGN_KEY_VALIDATE, PARAM_CONSTRAINT, cmd->column) != NULL))) {
        plan_note(ctx->plan, "%s: constraint \"%s\" is valid already, nothing to do", ctx->stmt->place, cmd->column);
        return TRUE;
    }
    beside = sql_build("ALTER TABLE ? VALIDATE CONSTRAINT ?", sql_name(target->schema, target->name), sql_ident(name));
    add_validate(ctx, target, name, is_replaced ? beside : sql, added);
    return TRUE;
}

/* Foreign keys of other tables that rest on a key of this one. */
static char *
inbound_of(const PlanContext *ctx, const FactTable *table, const FactConstraint *constraint)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *other = g_ptr_array_index(table->constraints, i);
        Target child = {other->other_schema, other->other_table, NULL, NULL};

        if ((constraint->kind == 'p' || constraint->kind == 'u') && other->is_inbound &&
            g_strcmp0(other->index, constraint->index) == 0 && !is_dropped(ctx, &child, other->name))
            g_string_append_printf(out, "%sforeign key %s of %s.%s", out->len > 0 ? ", " : "", other->name,
                                   other->other_schema, other->other_table);
    }
    return g_string_free(out, FALSE);
}

static gboolean
check_drop(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const FactConstraint *constraint,
           GError **error)
{
    g_autofree char *inbound = inbound_of(ctx, target->table, constraint);
    const FactIndex *index = constraint->index != NULL ? facts_index(target->table, constraint->index) : NULL;

    if (inbound[0] != '\0') {
        context_refuse(error, "drop these first, each by a statement of its own", "constraint \"%s\" is needed by %s",
                       cmd->column, inbound);
        return FALSE;
    }
    if (index != NULL && index->is_replica_identity) {
        context_refuse(error, "give the table another replica identity first",
                       "the index of constraint \"%s\" is the replica identity of its table", cmd->column);
        return FALSE;
    }
    if (cmd->is_cascade)
        plan_note(ctx->plan, "%s: nothing depends on constraint \"%s\": CASCADE takes nothing else", ctx->stmt->place,
                  cmd->column);
    return TRUE;
}

static void
add_drop(PlanContext *ctx, const Target *target, const char *name, const char *sql)
{
    const FactConstraint *constraint = context_constraint(target, name);
    const Step *added = planned_constraint(ctx, target, name);
    Step *step = context_step(ctx, PHASE_CONTRACT, STEP_DDL_FINAL, target);

    step->sql = g_strdup(sql);
    step->why = g_strdup("rows written from then on may violate it, so it cannot be put back: waits behind the gate");
    step_set(step, PARAM_CONSTRAINT, name);
    context_lock(step, target, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT);
    if (constraint != NULL && constraint->kind == 'f' && constraint->other_table != NULL &&
        (strcmp(constraint->other_table, target->name) != 0 || strcmp(constraint->other_schema, target->schema) != 0))
        step_add_lock(step, constraint->other_schema, constraint->other_table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT,
                      constraint->other_is_owned);
    for (guint i = 1; added != NULL && i < added->locks->len; i++) {
        const StepLock *lock = g_ptr_array_index(added->locks, i);

        step_add_lock(step, lock->schema, lock->table, LOCK_ACCESS_EXCLUSIVE, HOLD_INSTANT, lock->is_owned);
    }
}

static gboolean
goes_with_column(const PlanContext *ctx, const Target *target, const FactConstraint *constraint)
{
    for (guint i = 0; i < constraint->columns->len; i++) {
        if (context_is_dropped(ctx, target, g_ptr_array_index(constraint->columns, i)))
            return TRUE;
    }
    return FALSE;
}

gboolean
recipe_drop_constraint(PlanContext *ctx, const Target *target, const AlterCmd *cmd, const char *sql, GError **error)
{
    const FactConstraint *constraint = context_constraint(target, cmd->column);
    gboolean is_planned = planned_constraint(ctx, target, cmd->column) != NULL;

    if (context_planned(ctx, target, STEP_DDL_FINAL, PARAM_CONSTRAINT, cmd->column) != NULL) {
        context_refuse(error, "leave it out", "constraint \"%s\" is dropped by an earlier statement of this file",
                       cmd->column);
        return FALSE;
    }
    if (constraint != NULL && goes_with_column(ctx, target, constraint)) {
        if (cmd->if_exists) {
            plan_note(ctx->plan, "%s: constraint \"%s\" goes with its column, nothing to do", ctx->stmt->place,
                      cmd->column);
            return TRUE;
        }
        context_refuse(error, "leave it out", "constraint \"%s\" goes with a column that an earlier statement drops",
                       cmd->column);
        return FALSE;
    }
    if (constraint == NULL && !is_planned) {
        if (cmd->if_exists) {
            plan_note(ctx->plan, "%s: there is no constraint \"%s\", nothing to do", ctx->stmt->place, cmd->column);
            return TRUE;
        }
        context_refuse(error, NULL, "constraint \"%s\" of table %s does not exist", cmd->column, target->name);
        return FALSE;
    }
    if (constraint != NULL && !check_drop(ctx, target, cmd, constraint, error))
        return FALSE;
    add_drop(ctx, target, cmd->column, sql);
    return TRUE;
}
