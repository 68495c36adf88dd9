/*
 * What the file makes of the tables, as the new application sees it.
 */
#include "plan/version.h"

#include <string.h>

#include "base/names.h"

static void
column_free(gpointer data)
{
    VersionColumn *column = data;

    g_free(column->hidden);
    g_free(column);
}

static void
table_free(gpointer data)
{
    VersionTable *table = data;

    sync_table_free(table->sync);
    g_ptr_array_unref(table->columns);
    g_clear_pointer(&table->twins, g_ptr_array_unref);
    g_free(table);
}

VersionTable *
version_find_table(const GPtrArray *tables, const FactTable *fact)
{
    for (guint i = 0; i < tables->len; i++) {
        VersionTable *table = g_ptr_array_index(tables, i);

        if (table->table == fact)
            return table;
    }
    return NULL;
}

VersionTable *
version_table_of(GPtrArray *tables, const FactTable *fact)
{
    VersionTable *table = version_find_table(tables, fact);

    if (table != NULL)
        return table;
    table = g_new0(VersionTable, 1);
    table->table = fact;
    table->name = fact->name;
    table->columns = g_ptr_array_new_with_free_func(column_free);
    for (guint i = 0; i < fact->columns->len; i++) {
        VersionColumn *column = g_new0(VersionColumn, 1);

        column->fact = g_ptr_array_index(fact->columns, i);
        column->name = column->fact->name;
        g_ptr_array_add(table->columns, column);
    }
    g_ptr_array_add(tables, table);
    return table;
}

VersionColumn *
version_new_column(const VersionTable *table, const char *name)
{
    for (guint i = 0; i < table->columns->len; i++) {
        VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (!column->is_dropped && strcmp(column->name, name) == 0)
            return column;
    }
    return NULL;
}

VersionColumn *
version_old_column(const VersionTable *table, const char *name)
{
    for (guint i = 0; i < table->columns->len; i++) {
        VersionColumn *column = g_ptr_array_index(table->columns, i);

        if (column->fact != NULL && strcmp(column->fact->name, name) == 0)
            return column;
    }
    return NULL;
}

const char *
version_base_name(const VersionColumn *column)
{
    if (column->hidden != NULL)
        return column->hidden;
    return column->fact != NULL ? column->fact->name : column->added->name;
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

static const Expr *
value_of(const Assignment *assignment)
{
    return assignment != NULL ? &assignment->value : NULL;
}

static void
take_added(VersionTable *table, const Stmt *stmt, const AlterCmd *cmd)
{
    VersionColumn *column;

    if (version_new_column(table, cmd->definition.name) != NULL)
        return;
    column = g_new0(VersionColumn, 1);
    column->added = &cmd->definition;
    column->name = cmd->definition.name;
    column->up = value_of(stmt_up(stmt, column->name));
    column->offset = stmt->offset + cmd->offset;
    g_ptr_array_add(table->columns, column);
    if (column->up != NULL)
        note_visible(table, stmt, column->offset);
}

static void
take_type(const PlanContext *ctx, VersionColumn *column, const Stmt *stmt, const AlterCmd *cmd)
{
    const FactType *type = g_hash_table_lookup(ctx->facts->types, cmd->definition.type);

    column->new_type = type != NULL ? type->formatted : NULL;
    column->retyped = &cmd->definition;
    column->hidden = name_bounded("new", column->fact != NULL ? column->fact->name : column->name);
    column->up = cmd->default_value.text != NULL ? &cmd->default_value : value_of(stmt_up(stmt, column->name));
    column->down = value_of(stmt_down(stmt, column->name));
}

/* DROP COLUMN IF EXISTS may name none. */
static void
take_alter(const PlanContext *ctx, VersionTable *table, const Stmt *stmt, const AlterCmd *cmd)
{
    VersionColumn *column = cmd->column != NULL ? version_new_column(table, cmd->column) : NULL;

    if (cmd->kind == ALTER_ADD_COLUMN)
        take_added(table, stmt, cmd);
    if (cmd->kind == ALTER_ADD_COLUMN || column == NULL)
        return;
    if (cmd->kind == ALTER_DROP_COLUMN) {
        column->is_dropped = TRUE;
        column->down = value_of(stmt_down(stmt, cmd->column));
    } else if (cmd->kind == ALTER_COLUMN_TYPE && column->fact != NULL)
        take_type(ctx, column, stmt, cmd);
    else if (cmd->kind == ALTER_SET_DEFAULT || cmd->kind == ALTER_DROP_DEFAULT) {
        column->drops_default = cmd->kind == ALTER_DROP_DEFAULT;
        column->default_text = cmd->default_value.text;
    } else if (cmd->kind == ALTER_SET_NOT_NULL && column->fact != NULL && stmt_up(stmt, cmd->column) != NULL)
        column->fill = value_of(stmt_up(stmt, cmd->column));
    else
        return;
    column->offset = stmt->offset + cmd->offset;
    note_visible(table, stmt, column->offset);
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
    VersionColumn *column = object->part != NULL ? version_new_column(table, object->part) : NULL;

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
                take_alter(ctx, version_table_of(tables, fact), stmt, g_ptr_array_index(stmt->alter_table.cmds, k));
        } else if (stmt->kind == STMT_OBJECT && version_renamed(&stmt->object, &name)) {
            fact = facts_find(ctx->facts, name.schema, name.name);
            if (is_table(fact))
                take_renamed(version_table_of(tables, fact), stmt);
        }
    }
    return tables;
}
