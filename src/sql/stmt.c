#include "sql/stmt.h"

#include <string.h>

static void
rel_name_clear(RelName *name)
{
    g_free(name->schema);
    g_free(name->name);
}

const char *
stmt_place_text(const char *file, int line)
{
    g_autofree char *text =
        file != NULL ? g_strdup_printf("line %d of %s", line, file) : g_strdup_printf("line %d", line);

    return g_intern_string(text);
}

void
stmt_set_place(Stmt *stmt, const char *file, int line)
{
    stmt->line = line;
    stmt->file = file != NULL ? g_intern_string(file) : NULL;
    stmt->place = stmt_place_text(file, line);
}

void
stmt_expr_clear(Expr *expr)
{
    g_free(expr->text);
    g_clear_pointer(&expr->columns, g_ptr_array_unref);
    g_clear_pointer(&expr->qualifiers, g_ptr_array_unref);
    g_clear_pointer(&expr->functions, g_ptr_array_unref);
    g_clear_pointer(&expr->operators, g_ptr_array_unref);
}

void
stmt_rel_name_free(gpointer name)
{
    rel_name_clear(name);
    g_free(name);
}

void
stmt_constraint_free(gpointer data)
{
    ConstraintDef *constraint = data;

    if (constraint == NULL)
        return;
    g_free(constraint->name);
    g_free(constraint->body);
    g_clear_pointer(&constraint->columns, g_ptr_array_unref);
    g_clear_pointer(&constraint->included, g_ptr_array_unref);
    g_clear_pointer(&constraint->other_columns, g_ptr_array_unref);
    rel_name_clear(&constraint->other);
    g_free(constraint->index);
    g_free(constraint->index_tail);
    g_free(constraint->attributes);
    g_free(constraint->identity);
    g_free(constraint->sequence);
    stmt_expr_clear(&constraint->check);
    g_free(constraint);
}

void
stmt_column_def_clear(ColumnDef *column)
{
    g_free(column->name);
    g_free(column->type);
    g_free(column->type_name);
    g_free(column->base);
    g_clear_pointer(&column->constraints, g_ptr_array_unref);
    stmt_expr_clear(&column->default_value);
}

static void
dml_clear(DmlStmt *dml)
{
    rel_name_clear(&dml->relation);
    rel_name_clear(&dml->source);
    g_free(dml->alias);
    g_free(dml->from);
    g_free(dml->query);
    stmt_expr_clear(&dml->where);
    stmt_expr_clear(&dml->rest);
    stmt_expr_clear(&dml->outer);
    g_clear_pointer(&dml->columns, g_ptr_array_unref);
    g_clear_pointer(&dml->picked, g_ptr_array_unref);
    g_clear_pointer(&dml->filled, g_ptr_array_unref);
    g_clear_pointer(&dml->reads, g_ptr_array_unref);
    g_clear_pointer(&dml->withs, g_ptr_array_unref);
    g_clear_pointer(&dml->assignments, g_ptr_array_unref);
    g_clear_pointer(&dml->guards, g_ptr_array_unref);
}

static const Assignment *
assignment_to(const GPtrArray *updates, const char *column)
{
    for (guint i = 0; i < updates->len; i++) {
        const DmlStmt *update = &((const Stmt *)g_ptr_array_index(updates, i))->dml;
        const Assignment *assignment = g_ptr_array_index(update->assignments, 0);

        if (strcmp(assignment->column, column) == 0)
            return assignment;
    }
    return NULL;
}

const Assignment *
stmt_down(const Stmt *stmt, const char *column)
{
    return assignment_to(stmt->downs, column);
}

const Assignment *
stmt_up(const Stmt *stmt, const char *column)
{
    return assignment_to(stmt->ups, column);
}

const AlterCmd *
stmt_alter(const Stmt *stmt, AlterKind kind, const char *column)
{
    for (guint i = 0; stmt->kind == STMT_ALTER_TABLE && i < stmt->alter_table.cmds->len; i++) {
        const AlterCmd *cmd = g_ptr_array_index(stmt->alter_table.cmds, i);

        if (cmd->kind == kind && (column == NULL || g_strcmp0(cmd->column, column) == 0))
            return cmd;
    }
    return NULL;
}

void
stmt_free(Stmt *stmt)
{
    if (stmt == NULL)
        return;
    switch (stmt->kind) {
        case STMT_ALTER_TABLE:
            rel_name_clear(&stmt->alter_table.relation);
            g_clear_pointer(&stmt->alter_table.cmds, g_ptr_array_unref);
            break;
        case STMT_CREATE_TABLE:
            rel_name_clear(&stmt->create_table.relation);
            g_clear_pointer(&stmt->create_table.columns, g_ptr_array_unref);
            g_clear_pointer(&stmt->create_table.constraints, g_ptr_array_unref);
            g_clear_pointer(&stmt->create_table.sources, g_ptr_array_unref);
            g_clear_pointer(&stmt->create_table.parents, g_ptr_array_unref);
            bound_clear(&stmt->create_table.bound);
            g_clear_pointer(&stmt->create_table.elements, g_array_unref);
            break;
        case STMT_CREATE_INDEX:
            rel_name_clear(&stmt->create_index.relation);
            g_free(stmt->create_index.name);
            g_free(stmt->create_index.column_stem);
            g_free(stmt->create_index.plain);
            stmt_expr_clear(&stmt->create_index.uses);
            break;
        case STMT_DROP_INDEX:
            g_clear_pointer(&stmt->drop_index.names, g_ptr_array_unref);
            break;
        case STMT_REINDEX:
            rel_name_clear(&stmt->reindex.relation);
            g_free(stmt->reindex.schema);
            break;
        case STMT_REFRESH:
            rel_name_clear(&stmt->refresh.relation);
            break;
        case STMT_UPDATE:
        case STMT_DELETE:
        case STMT_INSERT:
            dml_clear(&stmt->dml);
            break;
        case STMT_OBJECT:
            object_stmt_clear(&stmt->object);
            break;
        case STMT_UTILITY:
            utility_stmt_clear(&stmt->utility);
            break;
        default:
            break;
    }
    g_free(stmt->text);
    g_free(stmt->consent);
    g_free(stmt->up);
    g_free(stmt->one_way);
    g_ptr_array_unref(stmt->downs);
    g_ptr_array_unref(stmt->ups);
    g_free(stmt);
}
