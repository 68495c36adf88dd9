#include "sql/bound.h"

void
bound_value_free(gpointer data)
{
    BoundValue *value = data;

    g_free(value->text);
    g_free(value);
}

void
bound_clear(PartitionBound *bound)
{
    g_free(bound->text);
    g_clear_pointer(&bound->lower, g_ptr_array_unref);
    g_clear_pointer(&bound->upper, g_ptr_array_unref);
}
