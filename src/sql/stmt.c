#include "sql/stmt.h"

static void
rel_name_clear(RelName *name)
{
    g_free(name->schema);
    g_free(name->name);
}

void
stmt_expr_clear(Expr *expr)
{
    g_free(expr->text);
    g_clear_pointer(&expr->columns, g_ptr_array_unref);
    g_clear_pointer(&expr->functions, g_ptr_array_unref);
    g_clear_pointer(&expr->operators, g_ptr_array_unref);
}

static void
dml_clear(DmlStmt *dml)
{
    rel_name_clear(&dml->relation);
    g_free(dml->alias);
    stmt_expr_clear(&dml->where);
    g_clear_pointer(&dml->assignments, g_ptr_array_unref);
    g_clear_pointer(&dml->guards, g_ptr_array_unref);
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
            dml_clear(&stmt->dml);
            break;
        default:
            break;
    }
    g_free(stmt->text);
    g_free(stmt->consent);
    g_free(stmt);
}
