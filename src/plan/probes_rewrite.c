/*
 * What an online rewrite asks the server beforehand: whether its expressions, casts and foreign keys are possible.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/recipe_column.h"
#include "plan/recipe_rewrite.h"

/* Whether PostgreSQL casts by itself, as an assignment does. The arguments of EXECUTE are such assignments, and they
 * need no table (EvaluateParams in src/backend/commands/prepare.c). */
static void
probe_assignment(GPtrArray *probes, const FactColumn *column, const AlterCmd *cmd, int offset)
{
    g_autofree char *name = g_strdup_printf("pgseam_cast_%u", probes->len);
    g_autofree char *quoted = sql_quote_ident(cmd->column);
    PlanProbe *probe;

    plan_probe_add(probes, sql_build("PREPARE ? (?) AS SELECT $1", sql_ident(name), sql_raw(cmd->definition.type)),
                   offset);
    probe = plan_probe_add(
        probes, sql_build("EXPLAIN EXECUTE ? (CAST(NULL AS ?))", sql_ident(name), sql_raw(column->type)), offset);
    probe->wrong = g_strdup_printf("column \"%s\" cannot be cast automatically from %s to %s", cmd->column,
                                   column->type, cmd->definition.type);
    probe->hint =
        g_strdup_printf("say how: ... TYPE %s USING %s::%s", cmd->definition.type, quoted, cmd->definition.type);
}

/* The columns of the table with those that change in their new types. */
static char *
new_shape(const FactTable *table, const Stmt *stmt)
{
    GString *list = g_string_new(NULL);

    for (guint i = 0; i < table->columns->len; i++) {
        const FactColumn *column = g_ptr_array_index(table->columns, i);
        g_autofree char *quoted = sql_quote_ident(column->name);
        const AlterCmd *retyping = stmt_alter(stmt, ALTER_COLUMN_TYPE, column->name);

        g_string_append(list, list->len > 0 ? ", " : "");
        if (retyping == NULL)
            g_string_append(list, quoted);
        else
            g_string_append_printf(list, "CAST(NULL AS %s) AS %s", retyping->definition.type, quoted);
    }
    return g_string_free(list, FALSE);
}

static void
probe_way_back(GPtrArray *probes, const FactTable *table, const FactColumn *column, const Stmt *stmt,
               const AlterCmd *cmd)
{
    const Assignment *down = stmt_down(stmt, cmd->column);
    int offset = stmt->offset + cmd->offset;
    g_autofree char *shape = new_shape(table, stmt);
    g_autofree char *quoted = sql_quote_ident(cmd->column);
    PlanProbe *probe;

    if (stmt->one_way != NULL && down == NULL)
        return;
    if (down != NULL) {
        probe = plan_probe_add(probes,
                               sql_build("EXPLAIN SELECT CAST((?\n) AS ?) FROM (SELECT ? FROM ?) AS ?",
                                         sql_raw(down->value.text), sql_raw(column->type), sql_raw(shape),
                                         sql_name(table->schema, table->name), sql_ident(table->name)),
                               offset);
        probe->wrong = g_strdup_printf("the directive \"down\" of column \"%s\"", cmd->column);
        return;
    }
    probe = plan_probe_add(
        probes,
        sql_build("EXPLAIN SELECT CAST(CAST(NULL AS ?) AS ?)", sql_raw(cmd->definition.type), sql_raw(column->type)),
        offset);
    probe->wrong = g_strdup_printf("there is no cast back from %s to %s, so rollback would lose what is written after "
                                   "the cut-over",
                                   cmd->definition.type, column->type);
    probe->hint = g_strdup_printf("write above the statement how the old value comes from the new row: -- pgseam: down "
                                  "%s = expression; or do without: -- pgseam: allow one-way because ...",
                                  quoted);
}

/* Both ends of a foreign key must stay comparable. */
static void
probe_foreign_keys(GPtrArray *probes, const FactTable *table, const AlterCmd *cmd, int offset)
{
    for (guint i = 0; i < table->constraints->len; i++) {
        const FactConstraint *constraint = g_ptr_array_index(table->constraints, i);
        PlanProbe *probe;
        guint place;

        /* Both ends in one table may change together. */
        if (constraint->kind != 'f' || constraint->other_types == NULL ||
            (strcmp(constraint->other_table, table->name) == 0 &&
             strcmp(constraint->other_schema, table->schema) == 0) ||
            !g_ptr_array_find_with_equal_func(constraint->columns, cmd->column, g_str_equal, &place) ||
            place >= constraint->other_types->len)
            continue;
        probe =
            plan_probe_add(probes,
                           sql_build("EXPLAIN SELECT CAST(NULL AS ?) = CAST(NULL AS ?)", sql_raw(cmd->definition.type),
                                     sql_raw(g_ptr_array_index(constraint->other_types, place))),
                           offset);
        probe->wrong =
            g_strdup_printf("foreign key \"%s\" would compare %s with the %s of table %s.%s", constraint->name,
                            cmd->definition.type, (const char *)g_ptr_array_index(constraint->other_types, place),
                            constraint->other_schema, constraint->other_table);
        probe->hint =
            g_strdup("drop the foreign key, change both tables, and add it again, in migrations of their own");
    }
}

static void
probe_type(GPtrArray *probes, const Facts *facts, const FactTable *table, const Stmt *stmt, const AlterCmd *cmd)
{
    const FactColumn *column = facts_column(table, cmd->column);
    int offset = stmt->offset + cmd->offset;
    g_autofree char *reason = NULL;
    TypeChange change;

    reason = column_type_reason(facts, table, cmd, &change);
    if (reason == NULL || column == NULL)
        return;
    if (cmd->default_value.text == NULL)
        probe_assignment(probes, column, cmd, offset);
    else
        plan_probe_add(probes,
                       sql_build("EXPLAIN SELECT CAST((?\n) AS ?) FROM ?", sql_raw(cmd->default_value.text),
                                 sql_raw(cmd->definition.type), sql_name(table->schema, table->name)),
                       offset);
    probe_way_back(probes, table, column, stmt, cmd);
    probe_foreign_keys(probes, table, cmd, offset);
}

static gboolean
has_all(const FactTable *table, const Expr *expr)
{
    for (guint i = 0; i < expr->columns->len; i++) {
        if (facts_column(table, g_ptr_array_index(expr->columns, i)) == NULL)
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_volatile(const Facts *facts, const Expr *expr)
{
    for (guint i = 0; i < expr->functions->len; i++) {
        if (facts_volatility(facts, g_ptr_array_index(expr->functions, i)) == 'v')
            return TRUE;
    }
    return FALSE;
}

/* A domain's conditions hold for the value that the rows get; COPY looks at those of a column that it is not given only
 * where there is a default. */
static void
probe_added(GPtrArray *probes, const Facts *facts, const FactTable *table, const AlterCmd *cmd, int offset)
{
    const ColumnDef *column = &cmd->definition;
    const FactType *type = g_hash_table_lookup(facts->types, column->type);
    const char *value = column->default_value.text != NULL ? column->default_value.text : "NULL";

    for (guint i = 0; i < column->constraints->len; i++) {
        const ConstraintDef *constraint = g_ptr_array_index(column->constraints, i);

        if (constraint->kind == CONSTRAINT_GENERATED && has_all(table, &constraint->check))
            plan_probe_add(probes,
                           sql_build("EXPLAIN SELECT CAST((?\n) AS ?) FROM ?", sql_raw(constraint->check.text),
                                     sql_raw(column->type), sql_name(table->schema, table->name)),
                           offset);
    }
    if (type == NULL || !type->is_constrained_domain || column->constraints->len > 0 ||
        is_volatile(facts, &column->default_value))
        return;
    plan_probe_add(probes, sql_build("SELECT CAST((?\n) AS ?) IS NULL", sql_raw(value), sql_raw(column->type)), offset)
        ->wrong = g_strdup_printf("the rows that are there would get a value that %s does not take in column \"%s\"",
                                  column->type, column->name);
}

void
rewrite_probes(GPtrArray *probes, const Facts *facts, const Stmt *stmt)
{
    const FactTable *table = facts_find(facts, stmt->alter_table.relation.schema, stmt->alter_table.relation.name);

    for (guint i = 0; table != NULL && i < stmt->alter_table.cmds->len; i++) {
        const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, i);

        if (cmd->kind == ALTER_COLUMN_TYPE)
            probe_type(probes, facts, table, stmt, cmd);
        else if (cmd->kind == ALTER_ADD_COLUMN && facts_column(table, cmd->column) == NULL && !table->is_small)
            probe_added(probes, facts, table, cmd, stmt->offset + cmd->offset);
    }
}
