/*
 * What statements about objects make the planner ask for.
 */
#include "plan/objects.h"
#include "plan/planner.h"
#include "plan/wishes.h"

static void
wish_object(Wishes *wishes, const ObjectName *name, guint flags, const char *members)
{
    g_ptr_array_add(wishes->objects, fact_object_key(name->class, name->names, name->args,
                                                     flags | (name->any_args ? FACT_OBJECT_ANY_ARGS : 0), members));
}

static void
wish_all(Wishes *wishes, const GPtrArray *names, guint flags)
{
    for (guint i = 0; i < names->len; i++)
        wish_object(wishes, g_ptr_array_index(names, i), flags, NULL);
}

void
wishes_of_object(Wishes *wishes, const ObjectStmt *stmt)
{
    wish_all(wishes, stmt->carriers, 0);
    wish_all(wishes, stmt->uses, 0);
    for (guint i = 0; i < stmt->objects->len; i++) {
        const ObjectName *name = g_ptr_array_index(stmt->objects, i);

        wish_object(wishes, name, stmt->verb == OBJECT_CREATE ? FACT_OBJECT_NEW : 0,
                    stmt->in_schema ? stmt->class : NULL);
        if (stmt->verb == OBJECT_RENAME) {
            g_autoptr(GPtrArray) names = objects_renamed_names(stmt, name);

            if (names != NULL)
                g_ptr_array_add(wishes->objects, fact_object_key(name->class, names, name->args,
                                                                 name->any_args ? FACT_OBJECT_ANY_ARGS : 0, NULL));
        }
    }
}

void
wishes_of_utility(Wishes *wishes, const UtilityStmt *stmt)
{
    wish_all(wishes, stmt->uses, 0);
}
