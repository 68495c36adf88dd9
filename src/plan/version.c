/*
 * What the file makes of the tables, as the new application sees it.
 */
#include "plan/version.h"

#include <string.h>

static void
table_free(gpointer data)
{
    VersionTable *table = data;

    g_ptr_array_unref(table->columns);
    g_free(table);
}

static VersionTable *
begin_table(GPtrArray *tables, const FactTable *fact)
{
    VersionTable *table;

    for (guint i = 0; i < tables->len; i++) {
        table = g_ptr_array_index(tables, i);
        if (table->table == fact)
            return table;
    }
    table = g_new0(VersionTable, 1);
    table->table = fact;
    table->name = fact->name;
    table->columns = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < fact->columns->len; i++) {
        VersionColumn *column = g_new0(VersionColumn, 1);

        column->fact = g_ptr_array_index(fact->columns, i);
        column->name = column->fact->name;
        g_ptr_array_add(table->columns, column);
    }
    g_ptr_array_add(tables, table);
    return table;
}

/* The column that has the name by now. */
static VersionColumn *
find_column(const VersionTable *table, const char *name)
{
    for (guint i = 0; i < table->columns->len; i++) {
        VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (!column->is_dropped && strcmp(column->name, name) == 0)
            return column;
    }
    return NULL;
}

static void
note_visible(VersionTable *table, const Stmt *stmt, int offset)
{
    if (table->is_visible)
        return;
    table->is_visible = TRUE;
    table->stmt = stmt;
    table->offset = offset;
}

/* DROP COLUMN IF EXISTS may name none. */
static void
take_alter(VersionTable *table, const Stmt *stmt, const AlterCmd *cmd)
{
    VersionColumn *column = cmd->column != NULL ? find_column(table, cmd->column) : NULL;

    if (cmd->kind == ALTER_ADD_COLUMN && find_column(table, cmd->definition.name) == NULL) {
        column = g_new0(VersionColumn, 1);
        column->added = &cmd->definition;
        column->name = cmd->definition.name;
        g_ptr_array_add(table->columns, column);
        return;
    }
    if (column == NULL)
        return;
    if (cmd->kind == ALTER_COLUMN_TYPE)
        table->retyped = cmd->column;
    if (cmd->kind == ALTER_DROP_COLUMN)
        column->is_dropped = TRUE;
    else if (cmd->kind == ALTER_SET_DEFAULT)
        column->default_text = cmd->default_value.text;
    else if (cmd->kind == ALTER_DROP_DEFAULT)
        column->drops_default = TRUE;
    else
        return;
    note_visible(table, stmt, stmt->offset + cmd->offset);
}

static gboolean
is_table(const FactTable *table)
{
    return table != NULL && (table->kind == 'r' || table->kind == 'p');
}

static void
take_renamed(VersionTable *table, const Stmt *stmt)
{
    const ObjectStmt *object = &stmt->object;
    VersionColumn *column = object->part != NULL ? find_column(table, object->part) : NULL;

    if (object->part == NULL)
        table->name = object->name;
    else if (column != NULL)
        column->name = object->name;
    note_visible(table, stmt, stmt->offset);
}

gboolean
version_renamed(const ObjectStmt *stmt, RelName *ret)
{
    const ObjectName *name;
    guint parts;

    if (stmt->verb != OBJECT_RENAME || stmt->class == NULL ||
        (strcmp(stmt->class, "table") != 0 && strcmp(stmt->class, "table column") != 0))
        return FALSE;
    name = g_ptr_array_index(stmt->objects, 0);
    parts = name->names->len - (stmt->part != NULL ? 1 : 0);
    ret->name = g_ptr_array_index(name->names, parts - 1);
    ret->schema = parts > 1 ? g_ptr_array_index(name->names, parts - 2) : NULL;
    return TRUE;
}

GPtrArray *
version_tables(const PlanContext *ctx)
{
    GPtrArray *tables = g_ptr_array_new_with_free_func(table_free);

    for (guint i = 0; i < ctx->script->stmts->len; i++) {
        const Stmt *stmt = g_ptr_array_index(ctx->script->stmts, i);
        RelName name = {NULL, NULL};
        const FactTable *fact;

        if (stmt->kind == STMT_ALTER_TABLE) {
            fact = facts_find(ctx->facts, stmt->alter_table.relation.schema, stmt->alter_table.relation.name);
            for (guint k = 0; is_table(fact) && k < stmt->alter_table.cmds->len; k++)
                take_alter(begin_table(tables, fact), stmt, g_ptr_array_index(stmt->alter_table.cmds, k));
        } else if (stmt->kind == STMT_OBJECT && version_renamed(&stmt->object, &name)) {
            fact = facts_find(ctx->facts, name.schema, name.name);
            if (is_table(fact))
                take_renamed(begin_table(tables, fact), stmt);
        }
    }
    return tables;
}
