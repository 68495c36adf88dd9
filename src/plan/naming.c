#include "plan/naming.h"

#include <string.h>

#include "base/names.h"

static void
add_joined(GString *out, const GPtrArray *columns)
{
    for (guint i = 0; i < columns->len; i++)
        g_string_append_printf(out, "%s%s", out->len > 0 ? "_" : "", (const char *)g_ptr_array_index(columns, i));
}

/* The column of a check that reads exactly one; NULL otherwise. */
static const char *
only_column(const Expr *check)
{
    const char *first = check->columns->len > 0 ? g_ptr_array_index(check->columns, 0) : NULL;

    for (guint i = 1; i < check->columns->len; i++) {
        if (strcmp(first, g_ptr_array_index(check->columns, i)) != 0)
            return NULL;
    }
    return first;
}

char *
constraint_default_name(const char *table, const ConstraintDef *constraint, unsigned number)
{
    g_autoptr(GString) columns = g_string_new(NULL);

    add_joined(columns, constraint->columns);
    add_joined(columns, constraint->included);
    switch (constraint->kind) {
        case CONSTRAINT_CHECK:
            return name_default(table, only_column(&constraint->check), "check", number);
        case CONSTRAINT_FOREIGN:
            return name_default(table, columns->str, "fkey", number);
        case CONSTRAINT_UNIQUE:
            return name_default(table, columns->str, "key", number);
        case CONSTRAINT_PRIMARY:
            return name_default(table, NULL, "pkey", number);
        default:
            return NULL;
    }
}
