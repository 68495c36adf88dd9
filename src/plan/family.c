/*
 * What an ALTER TABLE may do to a table that has partitions or inheritance children, or is one: PostgreSQL lets such a
 * statement recurse, so undo must find all members as the parent is.
 */
#include <string.h>

#include "base/sqltext.h"
#include "plan/recipe.h"

/* More relations than this in one guarded attempt are worth a word to the reader. */
#define MANY_RELATIONS 64

/* Whether there is a recipe for a statement on a member of a family. A kind that is not here has none. */
static const struct {
    gboolean is_known;
    gboolean on_parent;    /* with partitions or children */
    gboolean on_partition; /* or a typed table */
    gboolean on_child;     /* by INHERITS */
} policies[] = {
    [ALTER_ADD_COLUMN] = {TRUE, TRUE, FALSE, TRUE},       [ALTER_DROP_COLUMN] = {TRUE, TRUE, FALSE, FALSE},
    [ALTER_SET_DEFAULT] = {TRUE, TRUE, TRUE, TRUE},       [ALTER_DROP_DEFAULT] = {TRUE, TRUE, TRUE, TRUE},
    [ALTER_INHERIT] = {TRUE, TRUE, FALSE, TRUE},          [ALTER_NO_INHERIT] = {TRUE, TRUE, FALSE, TRUE},
    [ALTER_ATTACH_PARTITION] = {TRUE, TRUE, TRUE, FALSE}, [ALTER_DETACH_PARTITION] = {TRUE, TRUE, TRUE, FALSE},
    [ALTER_ADD_CONSTRAINT] = {TRUE, TRUE, TRUE, TRUE},    [ALTER_VALIDATE_CONSTRAINT] = {TRUE, TRUE, TRUE, TRUE},
    [ALTER_DROP_CONSTRAINT] = {TRUE, TRUE, TRUE, TRUE},   [ALTER_SET_NOT_NULL] = {TRUE, TRUE, TRUE, TRUE},
    [ALTER_DROP_NOT_NULL] = {TRUE, TRUE, FALSE, FALSE},
};

static gboolean
is_in_family(const FactTable *table)
{
    return table->kind == 'p' || table->has_children || table->is_derived;
}

/* Of the further subcommands, those that change the parent alone, and those that a partition may have for itself. */
static const char *const others_on_parent[] = {"CHANGE OWNER",       "ENABLE ROW SECURITY",   "DISABLE ROW SECURITY",
                                               "FORCE ROW SECURITY", "NO FORCE ROW SECURITY", NULL};
static const char *const others_on_partition[] = {"SET STATISTICS",      "SET OPTIONS",
                                                  "RESET OPTIONS",       "SET STORAGE",
                                                  "SET COMPRESSION",     "SET REL OPTIONS",
                                                  "RESET REL OPTIONS",   "CLUSTER ON",
                                                  "DROP CLUSTER",        "REPLICA IDENTITY",
                                                  "ENABLE TRIG",         "ENABLE ALWAYS TRIG",
                                                  "ENABLE REPLICA TRIG", "ENABLE TRIG USER",
                                                  "DISABLE TRIG",        "DISABLE TRIG USER",
                                                  "ENABLE ROW SECURITY", "DISABLE ROW SECURITY",
                                                  "FORCE ROW SECURITY",  "NO FORCE ROW SECURITY",
                                                  "CHANGE OWNER",        NULL};

static gboolean
is_known_other(const FactTable *table, const AlterCmd *cmd)
{
    return cmd->kind == ALTER_OTHER &&
           g_strv_contains(table->kind == 'p' || table->has_children ? others_on_parent : others_on_partition,
                           cmd->what);
}

static gboolean
check_policy(const FactTable *table, const char *shown, const AlterCmd *cmd, GError **error)
{
    gboolean is_known = cmd->kind < G_N_ELEMENTS(policies) && policies[cmd->kind].is_known;
    g_autofree char *parent = NULL;
    g_autofree char *hint = NULL;

    if (is_known_other(table, cmd))
        return TRUE;
    if (!is_known || ((table->kind == 'p' || table->has_children) && !policies[cmd->kind].on_parent)) {
        g_autofree char *what = g_strdup_printf("%s on %s, which %s,", cmd->what, shown,
                                                table->kind == 'p'    ? "is partitioned"
                                                : table->has_children ? "has inheritance children"
                                                : table->is_partition ? "is a partition"
                                                : table->is_typed     ? "is a typed table"
                                                                      : "is an inheritance child");
        context_not_yet(error, "-- pgseam: allow opaque because ... runs it as it stands", what);
        return FALSE;
    }
    if (!table->is_derived ||
        (table->is_partition || table->is_typed ? policies[cmd->kind].on_partition : policies[cmd->kind].on_child))
        return TRUE;
    if (table->parent_name == NULL) {
        context_refuse(error, "ALTER TYPE the composite type", "%s on %s, which is a typed table", cmd->what, shown);
        return FALSE;
    }
    parent = sql_quote_name(table->parent_schema, table->parent_name);
    hint =
        g_strdup_printf("alter %s: that reaches all its %s", parent, table->is_partition ? "partitions" : "children");
    context_refuse(error, hint, "%s on %s: its columns are those of %s", cmd->what, shown, parent);
    return FALSE;
}

/* What undo puts back on the parent, PostgreSQL puts back on all. */
static gboolean
check_alike(const FactTable *table, const char *shown, const AlterCmd *cmd, GError **error)
{
    const FactColumn *column = facts_column(table, cmd->column != NULL ? cmd->column : "");

    for (guint i = 0; i < table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(table->descendants, i);
        const FactColumn *theirs = facts_column(member, cmd->column != NULL ? cmd->column : "");
        const char *differs = NULL;

        if (cmd->kind == ALTER_ADD_COLUMN && column == NULL && theirs != NULL)
            differs = "has that column already";
        else if (column == NULL || theirs == NULL)
            continue;
        else if ((cmd->kind == ALTER_SET_DEFAULT || cmd->kind == ALTER_DROP_DEFAULT) &&
                 g_strcmp0(column->default_expr, theirs->default_expr) != 0)
            differs = "has a default of its own";
        else if ((cmd->kind == ALTER_SET_NOT_NULL || cmd->kind == ALTER_DROP_NOT_NULL) &&
                 column->is_not_null != theirs->is_not_null)
            differs = theirs->is_not_null ? "is NOT NULL there already" : "allows NULL there";
        else if (cmd->kind == ALTER_SET_NOT_NULL && member->kind == 'f')
            differs = "is a foreign table, whose rows cannot be proven";
        if (differs == NULL)
            continue;
        context_refuse(error, "make them alike first, table by table: then the statement, and its undo, reach all",
                       "%s reaches %s.%s, which differs from %s: column \"%s\" %s", cmd->what, member->schema,
                       member->name, shown, cmd->column, differs);
        return FALSE;
    }
    return TRUE;
}

/* An expression that mentions the name is enough. */
static gboolean
may_be_in_key(const FactTable *table, const char *column)
{
    g_autofree char *quoted = sql_quote_ident(column);

    if (table->partition_key == NULL)
        return FALSE;
    if (table->key_types != NULL)
        return g_ptr_array_find_with_equal_func(table->key_parts, quoted, g_str_equal, NULL);
    return strstr(table->partition_key, column) != NULL;
}

/* PostgreSQL refuses it, too, but in contract, when it is late. */
static gboolean
check_not_in_key(const FactTable *table, const char *column, GError **error)
{
    for (guint i = 0; i <= table->descendants->len; i++) {
        const FactTable *member = i == 0 ? table : g_ptr_array_index(table->descendants, i - 1);

        if (!may_be_in_key(member, column))
            continue;
        context_refuse(error, "a table partitioned otherwise must be made anew",
                       "column \"%s\" is part of the partition key of %s.%s: %s", column, member->schema, member->name,
                       member->partition_key);
        return FALSE;
    }
    return TRUE;
}

/* A constraint that comes from the parent goes with the parent's; one that recurses needs its name free on all. */
static gboolean
check_constraints(const FactTable *table, const AlterCmd *cmd, GError **error)
{
    const char *name = cmd->kind == ALTER_ADD_CONSTRAINT ? cmd->constraint->name : cmd->column;
    Target target = {table->schema, table->name, table, NULL};
    const FactConstraint *own = name != NULL ? context_constraint(&target, name) : NULL;

    if (cmd->kind == ALTER_DROP_CONSTRAINT && own != NULL && own->is_clone) {
        context_refuse(error, "drop it there: it goes everywhere", "constraint \"%s\" of %s.%s comes from %s.%s", name,
                       table->schema, table->name, table->parent_schema, table->parent_name);
        return FALSE;
    }
    if (cmd->kind == ALTER_ADD_CONSTRAINT && table->kind != 'p' && table->has_children &&
        cmd->constraint->kind != CONSTRAINT_CHECK)
        return TRUE;
    for (guint i = 0; cmd->kind == ALTER_ADD_CONSTRAINT && name != NULL && i < table->descendants->len; i++) {
        const FactTable *member = g_ptr_array_index(table->descendants, i);
        Target below = {member->schema, member->name, member, NULL};

        if (context_constraint(&below, name) == NULL &&
            (member->kind != 'f' || cmd->constraint->kind != CONSTRAINT_CHECK))
            continue;
        context_refuse(error, "give the constraint another name, or take that one away first", "%s.%s %s",
                       member->schema, member->name,
                       member->kind == 'f' ? "is a foreign table, whose rows cannot be proven"
                                           : "has a constraint of that name already");
        return FALSE;
    }
    return TRUE;
}

/* The new type is that of a column added beside: ADD COLUMN reaches all partitions. */
static gboolean
is_beside_version(const PlanContext *ctx, const FactTable *table, const AlterCmd *cmd)
{
    return cmd->kind == ALTER_COLUMN_TYPE && ctx->script->version != NULL && table->kind == 'p' && !table->is_derived;
}

gboolean
family_check(PlanContext *ctx, const Target *target, const AlterCmd *cmd, GError **error)
{
    const FactTable *table = target->table;
    g_autofree char *shown = sql_quote_name(target->schema, target->name);

    if (table == NULL || !is_in_family(table))
        return TRUE;
    if (!is_beside_version(ctx, table, cmd) && !check_policy(table, shown, cmd, error))
        return FALSE;
    if (ctx->stmt->alter_table.is_only && table->has_children) {
        context_refuse(error, "leave ONLY out: the statement then reaches the whole family",
                       "ONLY %s would leave its %s behind", shown, table->kind == 'p' ? "partitions" : "children");
        return FALSE;
    }
    if (!check_alike(table, shown, cmd, error) || !check_constraints(table, cmd, error) ||
        ((cmd->kind == ALTER_DROP_COLUMN || cmd->kind == ALTER_COLUMN_TYPE) &&
         !check_not_in_key(table, cmd->column, error)))
        return FALSE;
    if (table->descendants->len >= MANY_RELATIONS)
        plan_note(ctx->plan,
                  "%s: the statement locks %u relations at once, as PostgreSQL does: all within one lock budget, or "
                  "none",
                  ctx->stmt->place, table->descendants->len + 1);
    return TRUE;
}

/* A further partition beside this one changes nothing for it, unless it is the default one. */
static gboolean
only_attaches(const AlterTableStmt *alter)
{
    for (guint i = 0; i < alter->cmds->len; i++) {
        const AlterCmd *cmd = g_ptr_array_index(alter->cmds, i);

        if (cmd->kind != ALTER_ATTACH_PARTITION || cmd->bound.is_default)
            return FALSE;
    }
    return TRUE;
}

/* Whether a statement alters the table, or gives it an index, a default partition or a child. */
static gboolean
changes(const PlanContext *ctx, const Stmt *stmt, const FactTable *table)
{
    switch (stmt->kind) {
        case STMT_ALTER_TABLE:
            return !only_attaches(&stmt->alter_table) &&
                   facts_find(ctx->facts, stmt->alter_table.relation.schema, stmt->alter_table.relation.name) == table;
        case STMT_CREATE_INDEX:
            return facts_find(ctx->facts, stmt->create_index.relation.schema, stmt->create_index.relation.name) ==
                   table;
        case STMT_CREATE_TABLE:
            for (guint i = 0; i < stmt->create_table.parents->len; i++) {
                const RelName *name = g_ptr_array_index(stmt->create_table.parents, i);

                if (facts_find(ctx->facts, name->schema, name->name) == table)
                    return stmt->create_table.bound.text == NULL || stmt->create_table.bound.is_default;
            }
            return FALSE;
        default:
            return FALSE;
    }
}

gboolean
family_check_unchanged(PlanContext *ctx, const FactTable *table, const char *what, GError **error)
{
    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);
        gboolean is_changed;

        if (stmt == ctx->stmt)
            return TRUE;
        is_changed = changes(ctx, stmt, table);
        for (guint k = 0; k < table->descendants->len; k++)
            is_changed |= changes(ctx, stmt, g_ptr_array_index(table->descendants, k));
        if (!is_changed)
            continue;
        context_refuse(error, "put it before that statement, or into a migration of its own",
                       "%s rests on what %s.%s is now, and %s changes that or its family", what, table->schema,
                       table->name, stmt->place);
        return FALSE;
    }
    return TRUE;
}
