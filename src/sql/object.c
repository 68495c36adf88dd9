#include "sql/object.h"

void
object_name_free(gpointer data)
{
    ObjectName *name = data;

    if (name == NULL)
        return;
    g_ptr_array_unref(name->names);
    g_ptr_array_unref(name->args);
    g_free(name->text);
    g_free(name);
}

void
object_stmt_clear(ObjectStmt *stmt)
{
    g_clear_pointer(&stmt->objects, g_ptr_array_unref);
    g_clear_pointer(&stmt->carriers, g_ptr_array_unref);
    g_clear_pointer(&stmt->uses, g_ptr_array_unref);
    g_clear_pointer(&stmt->grantees, g_ptr_array_unref);
    g_clear_pointer(&stmt->options, g_ptr_array_unref);
    g_free(stmt->name);
    g_free(stmt->part);
}

void
utility_stmt_clear(UtilityStmt *stmt)
{
    g_free(stmt->setting);
    g_free(stmt->value);
    g_clear_pointer(&stmt->uses, g_ptr_array_unref);
}
