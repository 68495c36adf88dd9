/*
 * CREATE of everything but tables and indexes.
 */
#include <string.h>

#include "base/sqltext.h"
#include "sql/tree_object.h"

ObjectStmt *
tree_object_begin(Stmt *stmt, ObjectVerb verb, const char *class)
{
    ObjectStmt *object = &stmt->object;

    stmt->kind = STMT_OBJECT;
    object->verb = verb;
    object->class = class;
    object->objects = g_ptr_array_new_with_free_func(object_name_free);
    object->carriers = g_ptr_array_new_with_free_func(object_name_free);
    object->uses = g_ptr_array_new_with_free_func(object_name_free);
    object->grantees = g_ptr_array_new_with_free_func(g_free);
    object->options = g_ptr_array_new_with_free_func(g_free);
    return object;
}

gboolean
tree_object_one(Stmt *stmt, ObjectVerb verb, ObjectName *name)
{
    if (name == NULL)
        return FALSE;
    g_ptr_array_add(tree_object_begin(stmt, verb, name->class)->objects, name);
    return TRUE;
}

static gboolean
create_view(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__ViewStmt *tree = node->view_stmt;

    tree_object_one(stmt, OBJECT_CREATE, tree_object_of_var("view", tree->view));
    stmt->object.or_replace = tree->replace;
    tree_object_uses(stmt->object.uses, tree->query);
    if (strcmp(tree->view->relpersistence, "t") == 0)
        stmt->object.unsupported = "TEMPORARY";
    return TRUE;
}

/* CREATE TABLE AS, SELECT INTO is left to be what it is: code. */
static gboolean
create_as(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreateTableAsStmt *tree = node->create_table_as_stmt;
    gboolean is_view = tree->objtype == PG_QUERY__OBJECT_TYPE__OBJECT_MATVIEW;

    tree_object_one(stmt, OBJECT_CREATE, tree_object_of_var(is_view ? "materialized view" : "table", tree->into->rel));
    stmt->object.if_not_exists = tree->if_not_exists;
    tree_object_uses(stmt->object.uses, tree->query);
    if (strcmp(tree->into->rel->relpersistence, "t") == 0)
        stmt->object.unsupported = "TEMPORARY";
    return TRUE;
}

/* The types by which a function is known: its input parameters. */
static gboolean
add_signature(ObjectStmt *object, ObjectName *name, size_t n, PgQuery__Node *const *parameters)
{
    for (size_t i = 0; i < n; i++) {
        const PgQuery__FunctionParameter *parameter = parameters[i]->function_parameter;
        char *type;

        if (parameter->mode == PG_QUERY__FUNCTION_PARAMETER_MODE__FUNC_PARAM_OUT ||
            parameter->mode == PG_QUERY__FUNCTION_PARAMETER_MODE__FUNC_PARAM_TABLE)
            continue;
        type = tree_type_text(parameter->arg_type);
        if (type == NULL)
            return FALSE;
        g_ptr_array_add(name->args, type);
        object->n_defaults += parameter->defexpr != NULL;
        object->n_named += parameter->name[0] != '\0';
    }
    return TRUE;
}

static gboolean
create_function(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreateFunctionStmt *tree = node->create_function_stmt;
    const char *class = tree->is_procedure ? "procedure" : "function";
    ObjectName *name = tree_object_of_list(class, tree->n_funcname, tree->funcname);

    tree_object_one(stmt, OBJECT_CREATE, name);
    stmt->object.or_replace = tree->replace;
    if (!add_signature(&stmt->object, name, tree->n_parameters, tree->parameters))
        stmt->object.unsupported = "a parameter of type ...%TYPE";
    tree_object_uses(stmt->object.uses, tree->sql_body);
    return TRUE;
}

static gboolean
create_trigger(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreateTrigStmt *tree = node->create_trig_stmt;

    tree_object_one(stmt, OBJECT_CREATE, tree_object_part("trigger", tree->relation, tree->trigname));
    stmt->object.or_replace = tree->replace;
    g_ptr_array_add(stmt->object.carriers, tree_object_of_var("relation", tree->relation));
    if (tree->constrrel != NULL)
        g_ptr_array_add(stmt->object.uses, tree_object_of_var("relation", tree->constrrel));
    return TRUE;
}

static gboolean
create_policy(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreatePolicyStmt *tree = node->create_policy_stmt;

    tree_object_one(stmt, OBJECT_CREATE, tree_object_part("policy", tree->table, tree->policy_name));
    g_ptr_array_add(stmt->object.carriers, tree_object_of_var("relation", tree->table));
    tree_object_uses(stmt->object.uses, tree->qual);
    tree_object_uses(stmt->object.uses, tree->with_check);
    return TRUE;
}

static gboolean
create_rule(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__RuleStmt *tree = node->rule_stmt;

    tree_object_one(stmt, OBJECT_CREATE, tree_object_part("rule", tree->relation, tree->rulename));
    stmt->object.or_replace = tree->replace;
    g_ptr_array_add(stmt->object.carriers, tree_object_of_var("relation", tree->relation));
    tree_object_uses(stmt->object.uses, tree->where_clause);
    for (size_t i = 0; i < tree->n_actions; i++)
        tree_object_uses(stmt->object.uses, tree->actions[i]);
    return TRUE;
}

/* OWNED BY table.column: the table, which is locked. */
void
tree_object_owning_table(ObjectStmt *object, size_t n, PgQuery__Node *const *options)
{
    for (size_t i = 0; i < n; i++) {
        const PgQuery__DefElem *option = options[i]->def_elem;

        if (strcmp(option->defname, "owned_by") == 0 && option->arg != NULL &&
            option->arg->node_case == PG_QUERY__NODE__NODE_LIST && option->arg->list->n_items > 1)
            g_ptr_array_add(object->uses,
                            tree_object_of_list("relation", option->arg->list->n_items - 1, option->arg->list->items));
    }
}

static gboolean
create_sequence(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreateSeqStmt *tree = node->create_seq_stmt;

    tree_object_one(stmt, OBJECT_CREATE, tree_object_of_var("sequence", tree->sequence));
    stmt->object.if_not_exists = tree->if_not_exists;
    tree_object_owning_table(&stmt->object, tree->n_options, tree->options);
    if (strcmp(tree->sequence->relpersistence, "t") == 0)
        stmt->object.unsupported = "TEMPORARY";
    return TRUE;
}

static gboolean
create_enum(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreateEnumStmt *tree = node->create_enum_stmt;

    return tree_object_one(stmt, OBJECT_CREATE, tree_object_of_type("type", tree->n_type_name, tree->type_name));
}

static gboolean
create_range(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreateRangeStmt *tree = node->create_range_stmt;

    return tree_object_one(stmt, OBJECT_CREATE, tree_object_of_type("type", tree->n_type_name, tree->type_name));
}

static gboolean
create_composite(Stmt *stmt, const PgQuery__Node *node)
{
    g_autofree char *text = NULL;
    const PgQuery__RangeVar *var = node->composite_type_stmt->typevar;
    ObjectName *name = tree_object_new("type");

    text = sql_quote_name(var->schemaname[0] != '\0' ? var->schemaname : NULL, var->relname);
    g_ptr_array_add(name->names, g_steal_pointer(&text));
    return tree_object_one(stmt, OBJECT_CREATE, name);
}

static gboolean
create_domain(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreateDomainStmt *tree = node->create_domain_stmt;

    return tree_object_one(stmt, OBJECT_CREATE, tree_object_of_type("domain", tree->n_domainname, tree->domainname));
}

static gboolean
create_schema(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreateSchemaStmt *tree = node->create_schema_stmt;
    ObjectName *name = tree_object_new("schema");

    if (tree->schemaname[0] != '\0')
        g_ptr_array_add(name->names, g_strdup(tree->schemaname));
    else if (tree->authrole != NULL && tree->authrole->roletype == PG_QUERY__ROLE_SPEC_TYPE__ROLESPEC_CSTRING)
        g_ptr_array_add(name->names, g_strdup(tree->authrole->rolename));
    tree_object_one(stmt, OBJECT_CREATE, name);
    stmt->object.if_not_exists = tree->if_not_exists;
    if (name->names->len == 0)
        stmt->object.unsupported = "AUTHORIZATION of the current role and no name";
    if (tree->n_schema_elts > 0)
        stmt->object.unsupported = "elements in it";
    return TRUE;
}

static gboolean
create_extension(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreateExtensionStmt *tree = node->create_extension_stmt;
    ObjectName *name = tree_object_new("extension");

    g_ptr_array_add(name->names, g_strdup(tree->extname));
    tree_object_one(stmt, OBJECT_CREATE, name);
    stmt->object.if_not_exists = tree->if_not_exists;
    for (size_t i = 0; i < tree->n_options; i++) {
        if (strcmp(tree->options[i]->def_elem->defname, "cascade") == 0)
            stmt->object.unsupported = "CASCADE";
    }
    return TRUE;
}

static gboolean
create_statistics(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreateStatsStmt *tree = node->create_stats_stmt;

    tree_object_one(stmt, OBJECT_CREATE, tree_object_of_list("statistics object", tree->n_defnames, tree->defnames));
    stmt->object.if_not_exists = tree->if_not_exists;
    if (tree->n_defnames == 0)
        stmt->object.unsupported = "no name";
    for (size_t i = 0; i < tree->n_relations; i++) {
        if (tree->relations[i]->node_case == PG_QUERY__NODE__NODE_RANGE_VAR)
            g_ptr_array_add(stmt->object.carriers, tree_object_of_var("relation", tree->relations[i]->range_var));
    }
    return TRUE;
}

static gboolean
create_publication(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__CreatePublicationStmt *tree = node->create_publication_stmt;
    ObjectName *name = tree_object_new("publication");

    g_ptr_array_add(name->names, g_strdup(tree->pubname));
    tree_object_one(stmt, OBJECT_CREATE, name);
    if (tree->for_all_tables)
        stmt->object.unsupported = "FOR ALL TABLES";
    for (size_t i = 0; i < tree->n_pubobjects; i++) {
        const PgQuery__PublicationObjSpec *spec = tree->pubobjects[i]->publication_obj_spec;

        if (spec->pubtable == NULL)
            stmt->object.unsupported = "FOR TABLES IN SCHEMA";
        else
            g_ptr_array_add(stmt->object.carriers, tree_object_of_var("relation", spec->pubtable->relation));
    }
    for (size_t i = 0; i < tree->n_options; i++) {
        if (strcmp(tree->options[i]->def_elem->defname, "publish") == 0)
            stmt->object.action = "publish";
    }
    return TRUE;
}

static gboolean
create_cast(Stmt *stmt, const PgQuery__Node *node)
{
    ObjectName *name = tree_object_new("cast");
    char *source = tree_type_text(node->create_cast_stmt->sourcetype);
    char *target = tree_type_text(node->create_cast_stmt->targettype);

    g_ptr_array_add(name->names, source != NULL ? source : g_strdup(""));
    g_ptr_array_add(name->args, target != NULL ? target : g_strdup(""));
    return tree_object_one(stmt, OBJECT_CREATE, name);
}

static gboolean
create_server(Stmt *stmt, const PgQuery__Node *node)
{
    ObjectName *name = tree_object_new("server");

    g_ptr_array_add(name->names, g_strdup(node->create_foreign_server_stmt->servername));
    tree_object_one(stmt, OBJECT_CREATE, name);
    stmt->object.if_not_exists = node->create_foreign_server_stmt->if_not_exists;
    return TRUE;
}

static gboolean
create_wrapper(Stmt *stmt, const PgQuery__Node *node)
{
    ObjectName *name = tree_object_new("foreign-data wrapper");

    g_ptr_array_add(name->names, g_strdup(node->create_fdw_stmt->fdwname));
    return tree_object_one(stmt, OBJECT_CREATE, name);
}

/* An aggregate: ([parameters], number of direct ones or -1). Ordered-set aggregates and those of old style are left. */
static gboolean
aggregate_signature(ObjectStmt *object, ObjectName *name, const PgQuery__DefineStmt *tree)
{
    const PgQuery__Node *parameters = tree->n_args > 0 ? tree->args[0] : NULL;

    if (tree->oldstyle || tree->n_args != 2 || tree->args[1]->node_case != PG_QUERY__NODE__NODE_INTEGER ||
        tree->args[1]->integer->ival != -1)
        return FALSE;
    if (parameters->node_case != PG_QUERY__NODE__NODE_LIST)
        return TRUE;
    return add_signature(object, name, parameters->list->n_items, parameters->list->items);
}

/* The sides of an operator are in its definition. */
static void
operator_signature(ObjectName *name, const PgQuery__DefineStmt *tree)
{
    char *left = NULL;
    char *right = NULL;

    for (size_t i = 0; i < tree->n_definition; i++) {
        const PgQuery__DefElem *option = tree->definition[i]->def_elem;
        gboolean is_type = option->arg != NULL && option->arg->node_case == PG_QUERY__NODE__NODE_TYPE_NAME;

        if (is_type && strcmp(option->defname, "leftarg") == 0 && left == NULL)
            left = tree_type_text(option->arg->type_name);
        else if (is_type && strcmp(option->defname, "rightarg") == 0 && right == NULL)
            right = tree_type_text(option->arg->type_name);
    }
    g_ptr_array_add(name->args, left != NULL ? left : g_strdup("NONE"));
    g_ptr_array_add(name->args, right != NULL ? right : g_strdup("NONE"));
}

static gboolean
create_defined(Stmt *stmt, const PgQuery__Node *node)
{
    const PgQuery__DefineStmt *tree = node->define_stmt;
    const char *class = tree_object_class(tree->kind, NULL);
    ObjectName *name;

    if (class == NULL)
        return FALSE;
    name = tree->kind == PG_QUERY__OBJECT_TYPE__OBJECT_TYPE
               ? tree_object_of_type(class, tree->n_defnames, tree->defnames)
               : tree_object_of_list(class, tree->n_defnames, tree->defnames);
    tree_object_one(stmt, OBJECT_CREATE, name);
    stmt->object.or_replace = tree->replace;
    stmt->object.if_not_exists = tree->if_not_exists;
    if (tree->kind == PG_QUERY__OBJECT_TYPE__OBJECT_OPERATOR)
        operator_signature(name, tree);
    else if (tree->kind == PG_QUERY__OBJECT_TYPE__OBJECT_AGGREGATE && !aggregate_signature(&stmt->object, name, tree))
        stmt->object.unsupported = "ORDER BY parameters, or the syntax of old";
    return TRUE;
}

static const struct {
    PgQuery__Node__NodeCase node;
    gboolean (*fill)(Stmt *, const PgQuery__Node *);
} creates[] = {
    {PG_QUERY__NODE__NODE_VIEW_STMT, create_view},
    {PG_QUERY__NODE__NODE_CREATE_TABLE_AS_STMT, create_as},
    {PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT, create_function},
    {PG_QUERY__NODE__NODE_CREATE_TRIG_STMT, create_trigger},
    {PG_QUERY__NODE__NODE_CREATE_POLICY_STMT, create_policy},
    {PG_QUERY__NODE__NODE_RULE_STMT, create_rule},
    {PG_QUERY__NODE__NODE_CREATE_SEQ_STMT, create_sequence},
    {PG_QUERY__NODE__NODE_CREATE_ENUM_STMT, create_enum},
    {PG_QUERY__NODE__NODE_CREATE_RANGE_STMT, create_range},
    {PG_QUERY__NODE__NODE_COMPOSITE_TYPE_STMT, create_composite},
    {PG_QUERY__NODE__NODE_CREATE_DOMAIN_STMT, create_domain},
    {PG_QUERY__NODE__NODE_CREATE_SCHEMA_STMT, create_schema},
    {PG_QUERY__NODE__NODE_CREATE_EXTENSION_STMT, create_extension},
    {PG_QUERY__NODE__NODE_CREATE_STATS_STMT, create_statistics},
    {PG_QUERY__NODE__NODE_CREATE_PUBLICATION_STMT, create_publication},
    {PG_QUERY__NODE__NODE_CREATE_CAST_STMT, create_cast},
    {PG_QUERY__NODE__NODE_CREATE_FOREIGN_SERVER_STMT, create_server},
    {PG_QUERY__NODE__NODE_CREATE_FDW_STMT, create_wrapper},
    {PG_QUERY__NODE__NODE_DEFINE_STMT, create_defined},
};

gboolean
tree_create_object(Stmt *stmt, const PgQuery__Node *node)
{
    for (gsize i = 0; i < G_N_ELEMENTS(creates); i++) {
        if (creates[i].node == node->node_case)
            return creates[i].fill(stmt, node);
    }
    return FALSE;
}
