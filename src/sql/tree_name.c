/*
 * Names of objects of every class, as get_object_address() of src/backend/catalog/objectaddress.c takes them from the
 * tree.
 */
#include <string.h>

#include "base/sqltext.h"
#include "sql/tree_object.h"

static const struct {
    PgQuery__ObjectType type;
    const char *class;
    guint words; /* of the class in DROP */
} classes[] = {
    {PG_QUERY__OBJECT_TYPE__OBJECT_TABLE, "table", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_VIEW, "view", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_MATVIEW, "materialized view", 2},
    {PG_QUERY__OBJECT_TYPE__OBJECT_SEQUENCE, "sequence", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_INDEX, "index", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_FOREIGN_TABLE, "foreign table", 2},
    {PG_QUERY__OBJECT_TYPE__OBJECT_COLUMN, "table column", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_TYPE, "type", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_DOMAIN, "domain", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_FUNCTION, "function", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_PROCEDURE, "procedure", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_ROUTINE, "routine", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_AGGREGATE, "aggregate", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_OPERATOR, "operator", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_TRIGGER, "trigger", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_POLICY, "policy", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_RULE, "rule", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_TABCONSTRAINT, "table constraint", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_DOMCONSTRAINT, "domain constraint", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_SCHEMA, "schema", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_EXTENSION, "extension", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_LANGUAGE, "language", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_PUBLICATION, "publication", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_STATISTIC_EXT, "statistics object", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_COLLATION, "collation", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_CONVERSION, "conversion", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_CAST, "cast", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_TSCONFIGURATION, "text search configuration", 3},
    {PG_QUERY__OBJECT_TYPE__OBJECT_TSDICTIONARY, "text search dictionary", 3},
    {PG_QUERY__OBJECT_TYPE__OBJECT_TSPARSER, "text search parser", 3},
    {PG_QUERY__OBJECT_TYPE__OBJECT_TSTEMPLATE, "text search template", 3},
    {PG_QUERY__OBJECT_TYPE__OBJECT_FOREIGN_SERVER, "server", 1},
    {PG_QUERY__OBJECT_TYPE__OBJECT_FDW, "foreign-data wrapper", 3},
};

const char *
tree_object_class(PgQuery__ObjectType type, guint *ret_words)
{
    for (gsize i = 0; i < G_N_ELEMENTS(classes); i++) {
        if (classes[i].type == type) {
            if (ret_words != NULL)
                *ret_words = classes[i].words;
            return classes[i].class;
        }
    }
    return NULL;
}

ObjectName *
tree_object_new(const char *class)
{
    ObjectName *name = g_new0(ObjectName, 1);

    name->class = class;
    name->names = g_ptr_array_new_with_free_func(g_free);
    name->args = g_ptr_array_new_with_free_func(g_free);
    return name;
}

/* A type as format_type() would take it back, without length: arguments of functions have none. NULL for what only the
 * server can resolve (%TYPE). */
char *
tree_type_text(const PgQuery__TypeName *type)
{
    GString *text;

    if (type == NULL || type->pct_type || type->n_names == 0)
        return NULL;
    text = g_string_new(NULL);
    for (size_t i = 0; i < type->n_names; i++) {
        g_autofree char *part = sql_quote_ident(type->names[i]->string->sval);

        g_string_append_printf(text, "%s%s", i > 0 ? "." : "", part);
    }
    for (size_t i = 0; i < type->n_array_bounds; i++)
        g_string_append(text, "[]");
    return g_string_free(text, FALSE);
}

/* One word or type into a list; FALSE for what is neither. */
static gboolean
add_part(GPtrArray *list, const PgQuery__Node *node)
{
    char *text = NULL;

    if (node->node_case == PG_QUERY__NODE__NODE_STRING)
        text = g_strdup(node->string->sval);
    else if (node->node_case == PG_QUERY__NODE__NODE_TYPE_NAME)
        text = tree_type_text(node->type_name);
    /* The missing side of a prefix operator. */
    else if (node->node_case == PG_QUERY__NODE__NODE__NOT_SET)
        text = g_strdup("NONE");
    if (text == NULL)
        return FALSE;
    g_ptr_array_add(list, text);
    return TRUE;
}

static gboolean
add_parts(GPtrArray *list, size_t n, PgQuery__Node *const *nodes)
{
    for (size_t i = 0; i < n; i++) {
        if (!add_part(list, nodes[i]))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_paired(const char *class)
{
    return strcmp(class, "cast") == 0 || strcmp(class, "domain constraint") == 0;
}

static gboolean
fill_name(ObjectName *name, const PgQuery__Node *node)
{
    switch (node->node_case) {
        case PG_QUERY__NODE__NODE_LIST: {
            size_t n = is_paired(name->class) ? MIN(node->list->n_items, 1) : node->list->n_items;

            return add_parts(name->names, n, node->list->items) &&
                   add_parts(name->args, node->list->n_items - n, node->list->items + n);
        }
        case PG_QUERY__NODE__NODE_OBJECT_WITH_ARGS: {
            const PgQuery__ObjectWithArgs *object = node->object_with_args;

            name->any_args = object->args_unspecified;
            return add_parts(name->names, object->n_objname, object->objname) &&
                   add_parts(name->args, object->n_objargs, object->objargs);
        }
        default:
            return add_part(name->names, node);
    }
}

ObjectName *
tree_object_of_node(PgQuery__ObjectType type, const PgQuery__Node *node)
{
    const char *class = tree_object_class(type, NULL);
    ObjectName *name = class != NULL && node != NULL ? tree_object_new(class) : NULL;

    if (name != NULL && !fill_name(name, node))
        g_clear_pointer(&name, object_name_free);
    return name;
}

ObjectName *
tree_object_of_list(const char *class, size_t n, PgQuery__Node *const *parts)
{
    ObjectName *name = tree_object_new(class);

    add_parts(name->names, n, parts);
    return name;
}

ObjectName *
tree_object_of_type(const char *class, size_t n, PgQuery__Node *const *parts)
{
    ObjectName *name = tree_object_new(class);
    g_autoptr(GString) text = g_string_new(NULL);

    for (size_t i = 0; i < n; i++) {
        g_autofree char *part = sql_quote_ident(parts[i]->string->sval);

        g_string_append_printf(text, "%s%s", i > 0 ? "." : "", part);
    }
    g_ptr_array_add(name->names, g_strdup(text->str));
    return name;
}

ObjectName *
tree_object_of_var(const char *class, const PgQuery__RangeVar *var)
{
    ObjectName *name = tree_object_new(class);

    if (var->schemaname[0] != '\0')
        g_ptr_array_add(name->names, g_strdup(var->schemaname));
    g_ptr_array_add(name->names, g_strdup(var->relname));
    return name;
}

ObjectName *
tree_object_part(const char *class, const PgQuery__RangeVar *var, const char *part)
{
    ObjectName *name = tree_object_of_var(class, var);

    g_ptr_array_add(name->names, g_strdup(part));
    return name;
}

static gboolean
collect(gpointer uses, const ProtobufCMessage *message)
{
    if (message->descriptor == &pg_query__range_var__descriptor)
        g_ptr_array_add(uses, tree_object_of_var("relation", (const PgQuery__RangeVar *)message));
    return TRUE;
}

void
tree_object_uses(GPtrArray *uses, const PgQuery__Node *node)
{
    if (node != NULL)
        tree_walk(&node->base, collect, uses);
}
