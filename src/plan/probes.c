/*
 * Expressions of the file as queries that EXPLAIN can check before anything runs: against the table as expand leaves
 * it.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/objects.h"
#include "plan/planner.h"
#include "plan/recipe_column.h"
#include "plan/recipe_rewrite.h"
#include "plan/version.h"

static void
probe_free(gpointer data)
{
    PlanProbe *probe = data;

    g_free(probe->sql);
    g_free(probe->must_hold);
    g_free(probe->wrong);
    g_free(probe->hint);
    g_free(probe);
}

static gboolean
reads_only(const Expr *expr, const char *column)
{
    for (guint i = 0; i < expr->columns->len; i++) {
        if (strcmp(g_ptr_array_index(expr->columns, i), column) != 0)
            return FALSE;
    }
    return !expr->has_whole_row && !expr->has_subquery;
}

static gboolean
is_stable(const Facts *facts, const Expr *expr)
{
    for (guint i = 0; i < expr->functions->len; i++) {
        if (facts_volatility(facts, g_ptr_array_index(expr->functions, i)) == 'v')
            return FALSE;
    }
    for (guint i = 0; i < expr->operators->len; i++) {
        if (facts_volatility(facts, g_ptr_array_index(expr->operators, i)) == 'v')
            return FALSE;
    }
    return TRUE;
}

/* A serial type is an integer once it is there. */
static const char *
plain_type(const ColumnDef *column)
{
    return context_is_serial(column->type_name) ? "bigint" : column->type;
}

GPtrArray *
plan_probes_new(void)
{
    return g_ptr_array_new_with_free_func(probe_free);
}

PlanProbe *
plan_probe_add(GPtrArray *probes, char *sql, int offset)
{
    PlanProbe *probe = g_new0(PlanProbe, 1);

    probe->sql = sql;
    probe->offset = offset;
    g_ptr_array_add(probes, probe);
    return probe;
}

/* A CHECK on columns that this file adds is there before the old application is gone: the row that it writes, with the
 * defaults of these columns, must pass. Only defaults and predicates that are no more than stable are evaluated. */
static void
probe_check(GPtrArray *probes, const Facts *facts, const AlterCmd *cmd, int offset)
{
    const ColumnDef *column = &cmd->definition;
    const char *value = column->default_value.text != NULL ? column->default_value.text : "NULL";

    for (guint i = 0; i < column->constraints->len; i++) {
        const ConstraintDef *constraint = g_ptr_array_index(column->constraints, i);
        PlanProbe *probe;

        if (constraint->kind != CONSTRAINT_CHECK || context_is_serial(column->type_name) ||
            !reads_only(&constraint->check, column->name) || !is_stable(facts, &constraint->check) ||
            !is_stable(facts, &column->default_value))
            continue;
        probe = plan_probe_add(probes,
                               sql_build("SELECT (?\n) IS NOT FALSE FROM (SELECT CAST((?\n) AS ?) AS ?) AS added",
                                         sql_raw(constraint->check.text), sql_raw(value), sql_raw(column->type),
                                         sql_ident(column->name)),
                               offset);
        probe->must_hold =
            g_strdup_printf("the default of column \"%s\" does not pass its CHECK: the rows that are there, and those "
                            "that the old application writes, would not hold",
                            column->name);
    }
}

static gboolean
same_table(const Facts *facts, const RelName *a, const FactTable *table)
{
    return facts_find(facts, a->schema, a->name) == table;
}

/* The columns that the file adds to a table before `until`, as a select list that continues "*". */
static char *
added_columns(const Script *script, const Facts *facts, const FactTable *table, const Stmt *until)
{
    GString *list = g_string_new(NULL);

    for (guint i = 0; i < script->stmts->len && g_ptr_array_index(script->stmts, i) != until; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        if (stmt->kind != STMT_ALTER_TABLE || !same_table(facts, &stmt->alter_table.relation, table))
            continue;
        for (guint k = 0; k < stmt->alter_table.cmds->len; k++) {
            const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, k);
            g_autofree char *name = NULL;

            if (cmd->kind != ALTER_ADD_COLUMN || facts_column(table, cmd->column) != NULL)
                continue;
            name = sql_quote_ident(cmd->column);
            g_string_append_printf(list, ", CAST(NULL AS %s) AS %s", plain_type(&cmd->definition), name);
        }
    }
    return g_string_free(list, FALSE);
}

static const char *
type_of(const Script *script, const Facts *facts, const FactTable *table, const char *column)
{
    const FactColumn *existing = facts_column(table, column);

    if (existing != NULL)
        return existing->type;
    for (guint i = 0; i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);
        const AlterCmd *cmd = stmt_alter(stmt, ALTER_ADD_COLUMN, column);

        if (cmd != NULL && same_table(facts, &stmt->alter_table.relation, table))
            return plain_type(&cmd->definition);
    }
    return NULL;
}

/* System columns and the row itself do not exist in the stand-in for the table; such statements are left to run time.
 */
static gboolean
can_probe(const Expr *expr, const char *alias)
{
    static const char *const system_columns[] = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid", NULL};

    if (expr->has_whole_row)
        return FALSE;
    for (guint i = 0; i < expr->columns->len; i++) {
        const char *column = g_ptr_array_index(expr->columns, i);

        if (strcmp(column, alias) == 0 || g_strv_contains(system_columns, column))
            return FALSE;
    }
    return TRUE;
}

/* TRUE if the expression may mean a column that only the file brings. */
static gboolean
mentions_added(const Script *script, const Facts *facts, const FactTable *table, const Expr *expr)
{
    for (guint i = 0; i < expr->columns->len; i++) {
        const char *column = g_ptr_array_index(expr->columns, i);

        if (facts_column(table, column) == NULL && type_of(script, facts, table, column) != NULL)
            return TRUE;
    }
    return FALSE;
}

/* TRUE if a table is not there yet, or gets columns in this file: what is said of it can only be judged afterwards. */
static gboolean
is_in_the_making(const Script *script, const Facts *facts, const RelName *name)
{
    const FactTable *table = facts_find(facts, name->schema, name->name);
    g_autofree char *added = table != NULL ? added_columns(script, facts, table, NULL) : NULL;

    return table == NULL || added[0] != '\0';
}

/* TRUE if the statement uses nothing of its table that the file adds. */
static gboolean
is_plannable(const Script *script, const Facts *facts, const FactTable *table, const DmlStmt *dml)
{
    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);

        if (facts_column(table, assignment->column) == NULL || mentions_added(script, facts, table, &assignment->value))
            return FALSE;
    }
    for (guint i = 0; dml->columns != NULL && i < dml->columns->len; i++) {
        if (facts_column(table, g_ptr_array_index(dml->columns, i)) == NULL)
            return FALSE;
    }
    if (dml->is_values && dml->columns == NULL && is_in_the_making(script, facts, &dml->relation))
        return FALSE;
    return !mentions_added(script, facts, table, &dml->where);
}

static gboolean
reads_what_is_in_the_making(const Script *script, const Facts *facts, const DmlStmt *dml)
{
    for (guint i = 0; i < dml->reads->len; i++) {
        const RelName *read = g_ptr_array_index(dml->reads, i);
        gboolean may_be_with = g_ptr_array_find_with_equal_func(dml->withs, read->name, g_str_equal, NULL);

        if (!may_be_with && is_in_the_making(script, facts, read))
            return TRUE;
    }
    return FALSE;
}

/* The statement's expressions over a stand-in for the table as it will be. */
static void
probe_stand_in(GPtrArray *probes, const Script *script, const Facts *facts, const Stmt *stmt)
{
    const DmlStmt *dml = &stmt->dml;
    const FactTable *table = facts_find(facts, dml->relation.schema, dml->relation.name);
    const char *alias = dml->alias != NULL ? dml->alias : dml->relation.name;
    g_autofree char *added = added_columns(script, facts, table, stmt);
    g_autoptr(GString) values = g_string_new("1");
    g_autofree char *from = dml->from != NULL ? g_strconcat(", ", dml->from, NULL) : g_strdup("");

    if (!can_probe(&dml->where, alias))
        return;
    for (guint i = 0; i < dml->assignments->len; i++) {
        const Assignment *assignment = g_ptr_array_index(dml->assignments, i);
        const char *type = type_of(script, facts, table, assignment->column);

        if (type != NULL && assignment->is_simple && can_probe(&assignment->value, alias))
            g_string_append_printf(values, ", CAST((%s\n) AS %s)", assignment->value.text, type);
    }
    plan_probe_add(probes,
                   sql_build("EXPLAIN SELECT ? FROM (SELECT *? FROM ?) AS ??\nWHERE (?\n)", sql_raw(values->str),
                             sql_raw(added), sql_name(table->schema, table->name), sql_ident(alias), sql_raw(from),
                             sql_raw(dml->where.text != NULL ? dml->where.text : "true")),
                   stmt->offset);
}

static void
probe_dml(GPtrArray *probes, const Script *script, const Facts *facts, const Stmt *stmt)
{
    const DmlStmt *dml = &stmt->dml;
    const FactTable *table = facts_find(facts, dml->relation.schema, dml->relation.name);

    if (dml->unsupported != NULL || reads_what_is_in_the_making(script, facts, dml))
        return;
    if (table != NULL && is_plannable(script, facts, table, dml))
        plan_probe_add(probes, sql_build("EXPLAIN ?", sql_raw(stmt->text)), stmt->offset);
    else if (table != NULL && stmt->kind != STMT_INSERT)
        probe_stand_in(probes, script, facts, stmt);
    else if (stmt->kind == STMT_INSERT && dml->query != NULL)
        plan_probe_add(probes, sql_build("EXPLAIN ?", sql_raw(dml->query)), stmt->offset);
}

/* A copy gives the column its new type before its new default; where only catalog rows change, the default comes
 * first. */
static const char *
type_for_default(const Script *script, const Facts *facts, const FactTable *table, const FactColumn *column)
{
    for (guint i = 0; i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        if (stmt->kind != STMT_ALTER_TABLE || !same_table(facts, &stmt->alter_table.relation, table))
            continue;
        for (guint k = 0; k < stmt->alter_table.cmds->len; k++) {
            const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, k);
            g_autofree char *reason = NULL;
            TypeChange change;

            if (cmd->kind != ALTER_COLUMN_TYPE || strcmp(cmd->column, column->name) != 0)
                continue;
            reason = column_type_reason(facts, table, cmd, &change);
            if (reason != NULL)
                return cmd->definition.type;
        }
    }
    return column->type;
}

static void
probe_alter(GPtrArray *probes, const Script *script, const Facts *facts, const Stmt *stmt)
{
    const FactTable *table = facts_find(facts, stmt->alter_table.relation.schema, stmt->alter_table.relation.name);

    for (guint i = 0; table != NULL && i < stmt->alter_table.cmds->len; i++) {
        const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, i);
        const FactColumn *column = facts_column(table, cmd->column != NULL ? cmd->column : "");

        if (cmd->kind == ALTER_ADD_COLUMN)
            probe_check(probes, facts, cmd, stmt->offset + cmd->offset);
        if (cmd->kind == ALTER_ADD_COLUMN && cmd->definition.default_value.text != NULL)
            plan_probe_add(probes,
                           sql_build("EXPLAIN SELECT CAST((?\n) AS ?)", sql_raw(cmd->definition.default_value.text),
                                     sql_raw(cmd->definition.type)),
                           stmt->offset + cmd->offset);
        else if (cmd->kind == ALTER_SET_DEFAULT && column != NULL &&
                 !version_retypes(script, &stmt->alter_table.relation, cmd->column))
            plan_probe_add(probes,
                           sql_build("EXPLAIN SELECT CAST((?\n) AS ?)", sql_raw(cmd->default_value.text),
                                     sql_raw(type_for_default(script, facts, table, column))),
                           stmt->offset + cmd->offset);
    }
}

static void
mark_early(GPtrArray *probes, guint first)
{
    for (guint i = first; i < probes->len; i++)
        ((PlanProbe *)g_ptr_array_index(probes, i))->is_early = TRUE;
}

/* A value that an earlier line gives to an enum: the server does not know it yet. */
static gboolean
has_new_value(const Script *script, const Stmt *until)
{
    for (guint i = 0; i < script->stmts->len && g_ptr_array_index(script->stmts, i) != until; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);

        if (stmt->kind == STMT_OBJECT && stmt->object.verb == OBJECT_ALTER &&
            g_strcmp0(stmt->object.action, "ADD VALUE") == 0 && sql_mentions(until->text, stmt->object.name))
            return TRUE;
    }
    return FALSE;
}

GPtrArray *
planner_probes(const Script *script, const Facts *facts)
{
    GPtrArray *probes = plan_probes_new();
    gboolean makes_things = FALSE;
    guint versions;

    for (guint i = 0; i < script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(script->stmts, i);
        guint first = probes->len;

        makes_things |= stmt->kind == STMT_OBJECT || stmt->consent != NULL;
        if (stmt->consent != NULL || has_new_value(script, stmt))
            continue;
        if (stmt->kind == STMT_UPDATE || stmt->kind == STMT_DELETE || stmt->kind == STMT_INSERT)
            probe_dml(probes, script, facts, stmt);
        else if (stmt->kind == STMT_ALTER_TABLE) {
            probe_alter(probes, script, facts, stmt);
            rewrite_probes(probes, facts, stmt);
        }
        if (makes_things)
            mark_early(probes, first);
    }
    versions = probes->len;
    version_probes(probes, script, facts);
    if (makes_things)
        mark_early(probes, versions);
    return probes;
}
