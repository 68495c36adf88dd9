/*
 * ALTER, RENAME, DROP, COMMENT and GRANT of everything; DROP INDEX and ALTER TABLE have families of their own.
 */
#include <string.h>

#include "base/sqltext.h"
#include "sql/tree_object.h"

/* What ALTER VIEW, SEQUENCE, INDEX, TYPE ... share with ALTER TABLE. */
static const struct {
    PgQuery__AlterTableType type;
    const char *action;
} table_actions[] = {
    {PG_QUERY__ALTER_TABLE_TYPE__AT_SetRelOptions, "SET"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_ResetRelOptions, "RESET"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_ColumnDefault, "ALTER COLUMN DEFAULT"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_AddColumn, "ADD ATTRIBUTE"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_DropColumn, "DROP ATTRIBUTE"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_AlterColumnType, "ALTER ATTRIBUTE"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_SetStatistics, "SET STATISTICS"},
    {PG_QUERY__ALTER_TABLE_TYPE__AT_ChangeOwner, "OWNER TO"},
};

static const char *
table_action(PgQuery__AlterTableType type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(table_actions); i++) {
        if (table_actions[i].type == type)
            return table_actions[i].action;
    }
    return NULL;
}

static ObjectName *
relation_name(const char *class, const PgQuery__RangeVar *var)
{
    ObjectName *name;
    g_autofree char *text = NULL;

    if (strcmp(class, "type") != 0 && strcmp(class, "domain") != 0)
        return tree_object_of_var(class, var);
    name = tree_object_new(class);
    text = sql_quote_name(var->schemaname[0] != '\0' ? var->schemaname : NULL, var->relname);
    g_ptr_array_add(name->names, g_steal_pointer(&text));
    return name;
}

/* SET (name = value, ...): the names. */
static void
add_options(ObjectStmt *object, const PgQuery__AlterTableStmt *tree)
{
    for (size_t i = 0; i < tree->n_cmds; i++) {
        const PgQuery__Node *list = tree->cmds[i]->alter_table_cmd->def;

        for (size_t k = 0; list != NULL && list->node_case == PG_QUERY__NODE__NODE_LIST && k < list->list->n_items; k++)
            g_ptr_array_add(object->options, g_strdup(list->list->items[k]->def_elem->defname));
    }
}

static gboolean
alter_relation(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__AlterTableStmt *tree = node->alter_table_stmt;
    const char *class = tree_object_class(tree->objtype, NULL);
    const char *action = tree->n_cmds > 0 ? table_action(tree->cmds[0]->alter_table_cmd->subtype) : NULL;

    if (class == NULL || action == NULL)
        return FALSE;
    for (size_t i = 1; i < tree->n_cmds; i++) {
        if (table_action(tree->cmds[i]->alter_table_cmd->subtype) != action)
            return FALSE;
    }
    tree_object_one(stmt, strcmp(action, "OWNER TO") == 0 ? OBJECT_OWNER : OBJECT_ALTER,
                    relation_name(class, tree->relation));
    stmt->object.action = action;
    stmt->object.if_exists = tree->missing_ok;
    for (size_t i = 0; i < tree->n_cmds; i++)
        stmt->object.is_cascade |= tree->cmds[i]->alter_table_cmd->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    if (strcmp(action, "SET") == 0 || strcmp(action, "RESET") == 0)
        add_options(&stmt->object, tree);
    if (strcmp(action, "ADD ATTRIBUTE") == 0 && tree->n_cmds == 1)
        stmt->object.name = g_strdup(tree->cmds[0]->alter_table_cmd->def->column_def->colname);
    return TRUE;
}

static gboolean
alter_enum(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__AlterEnumStmt *tree = node->alter_enum_stmt;
    gboolean is_rename = tree->old_val[0] != '\0';

    tree_object_one(stmt, is_rename ? OBJECT_RENAME : OBJECT_ALTER,
                    tree_object_of_type("type", tree->n_type_name, tree->type_name));
    stmt->object.action = is_rename ? "RENAME VALUE" : "ADD VALUE";
    stmt->object.name = g_strdup(tree->new_val);
    stmt->object.part = is_rename ? g_strdup(tree->old_val) : NULL;
    stmt->object.if_not_exists = tree->skip_if_new_val_exists;
    return TRUE;
}

static gboolean
alter_sequence(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__AlterSeqStmt *tree = node->alter_seq_stmt;

    tree_object_one(stmt, OBJECT_ALTER, tree_object_of_var("sequence", tree->sequence));
    stmt->object.action = "SET OPTIONS";
    stmt->object.if_exists = tree->missing_ok;
    tree_object_owning_table(&stmt->object, tree->n_options, tree->options);
    for (size_t i = 0; i < tree->n_options; i++) {
        if (strcmp(tree->options[i]->def_elem->defname, "restart") == 0)
            stmt->object.action = "RESTART";
        if (strcmp(tree->options[i]->def_elem->defname, "owned_by") == 0)
            stmt->object.action = "OWNED BY";
    }
    return TRUE;
}

static gboolean
alter_function(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__AlterFunctionStmt *tree = node->alter_function_stmt;
    PgQuery__Node wrapped = PG_QUERY__NODE__INIT;

    wrapped.node_case = PG_QUERY__NODE__NODE_OBJECT_WITH_ARGS;
    wrapped.object_with_args = tree->func;
    if (!tree_object_one(stmt, OBJECT_ALTER, tree_object_of_node(tree->objtype, &wrapped)))
        return FALSE;
    stmt->object.action = "SET OPTIONS";
    return TRUE;
}

static const struct {
    const char *subtype; /* src/include/nodes/parsenodes.h, AlterDomainStmt */
    const char *action;
} domain_actions[] = {
    {"N", "DROP NOT NULL"},   {"O", "SET NOT NULL"},        {"C", "ADD CONSTRAINT"},
    {"X", "DROP CONSTRAINT"}, {"V", "VALIDATE CONSTRAINT"},
};

static gboolean
alter_domain(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__AlterDomainStmt *tree = node->alter_domain_stmt;
    ObjectStmt *object = &stmt->object;

    tree_object_one(stmt, OBJECT_ALTER, tree_object_of_type("domain", tree->n_type_name, tree->type_name));
    for (gsize i = 0; i < G_N_ELEMENTS(domain_actions); i++) {
        if (strcmp(domain_actions[i].subtype, tree->subtype) == 0)
            object->action = domain_actions[i].action;
    }
    if (strcmp(tree->subtype, "T") == 0)
        object->action = tree->def != NULL ? "SET DEFAULT" : "DROP DEFAULT";
    if (object->action == NULL)
        object->unsupported = "a change of a kind unknown";
    object->part = tree->name[0] != '\0' ? g_strdup(tree->name) : NULL;
    if (tree->def != NULL && tree->def->node_case == PG_QUERY__NODE__NODE_CONSTRAINT) {
        const PgQuery__Constraint *constraint = tree->def->constraint;

        object->part = constraint->conname[0] != '\0' ? g_strdup(constraint->conname) : NULL;
        if (constraint->skip_validation)
            object->action = "ADD CONSTRAINT NOT VALID";
    }
    object->if_exists = tree->missing_ok;
    object->is_cascade = tree->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    return TRUE;
}

static gboolean
alter_policy(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__AlterPolicyStmt *tree = node->alter_policy_stmt;

    tree_object_one(stmt, OBJECT_ALTER, tree_object_part("policy", tree->table, tree->policy_name));
    stmt->object.action = "SET OPTIONS";
    tree_object_uses(stmt->object.uses, tree->qual);
    tree_object_uses(stmt->object.uses, tree->with_check);
    return TRUE;
}

static gboolean
alter_statistics(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__AlterStatsStmt *tree = node->alter_stats_stmt;

    tree_object_one(stmt, OBJECT_ALTER, tree_object_of_list("statistics object", tree->n_defnames, tree->defnames));
    stmt->object.action = "SET STATISTICS";
    stmt->object.if_exists = tree->missing_ok;
    return TRUE;
}

static gboolean
alter_publication(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__AlterPublicationStmt *tree = node->alter_publication_stmt;
    ObjectName *name = tree_object_new("publication");

    g_ptr_array_add(name->names, g_strdup(tree->pubname));
    tree_object_one(stmt, OBJECT_ALTER, name);
    stmt->object.action = tree->n_pubobjects == 0                                              ? "SET OPTIONS"
                          : tree->action == PG_QUERY__ALTER_PUBLICATION_ACTION__AP_AddObjects  ? "ADD TABLE"
                          : tree->action == PG_QUERY__ALTER_PUBLICATION_ACTION__AP_DropObjects ? "DROP TABLE"
                                                                                               : "SET TABLE";
    for (size_t i = 0; i < tree->n_pubobjects; i++) {
        const PgQuery__PublicationObjSpec *spec = tree->pubobjects[i]->publication_obj_spec;

        if (spec->pubtable == NULL)
            stmt->object.unsupported = "TABLES IN SCHEMA";
        else
            g_ptr_array_add(stmt->object.carriers, tree_object_of_var("relation", spec->pubtable->relation));
    }
    return TRUE;
}

static gboolean
alter_extension(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    ObjectName *name = tree_object_new("extension");

    g_ptr_array_add(name->names, g_strdup(node->alter_extension_stmt->extname));
    tree_object_one(stmt, OBJECT_ALTER, name);
    stmt->object.action = "UPDATE";
    return TRUE;
}

static char *
role_text(const PgQuery__RoleSpec *role)
{
    switch (role->roletype) {
        case PG_QUERY__ROLE_SPEC_TYPE__ROLESPEC_PUBLIC:
            return g_strdup("PUBLIC");
        case PG_QUERY__ROLE_SPEC_TYPE__ROLESPEC_CSTRING:
            return sql_quote_ident(role->rolename);
        default:
            return g_strdup("CURRENT_USER");
    }
}

static gboolean
alter_owner(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__AlterOwnerStmt *tree = node->alter_owner_stmt;

    if (!tree_object_one(stmt, OBJECT_OWNER, tree_object_of_node(tree->object_type, tree->object)))
        return FALSE;
    stmt->object.action = "OWNER TO";
    return TRUE;
}

static gboolean
alter_schema(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__AlterObjectSchemaStmt *tree = node->alter_object_schema_stmt;
    const char *class = tree_object_class(tree->object_type, NULL);
    ObjectName *name = class == NULL            ? NULL
                       : tree->relation != NULL ? tree_object_of_var(class, tree->relation)
                                                : tree_object_of_node(tree->object_type, tree->object);

    if (!tree_object_one(stmt, OBJECT_SET_SCHEMA, name))
        return FALSE;
    stmt->object.action = "SET SCHEMA";
    stmt->object.name = g_strdup(tree->newschema);
    stmt->object.if_exists = tree->missing_ok;
    return TRUE;
}

/* What is renamed: the relation, a part of it, or something without one. */
static ObjectName *
renamed_object(const PgQuery__RenameStmt *tree)
{
    const char *class = tree_object_class(tree->rename_type, NULL);

    switch (tree->rename_type) {
        case PG_QUERY__OBJECT_TYPE__OBJECT_TABCONSTRAINT:
        case PG_QUERY__OBJECT_TYPE__OBJECT_TRIGGER:
        case PG_QUERY__OBJECT_TYPE__OBJECT_POLICY:
        case PG_QUERY__OBJECT_TYPE__OBJECT_RULE:
        case PG_QUERY__OBJECT_TYPE__OBJECT_COLUMN:
            return tree_object_part(class, tree->relation, tree->subname);
        case PG_QUERY__OBJECT_TYPE__OBJECT_ATTRIBUTE:
            return relation_name("type", tree->relation);
        case PG_QUERY__OBJECT_TYPE__OBJECT_DOMCONSTRAINT:
            return tree_object_of_node(PG_QUERY__OBJECT_TYPE__OBJECT_DOMAIN, tree->object);
        case PG_QUERY__OBJECT_TYPE__OBJECT_SCHEMA: {
            ObjectName *name = tree_object_new("schema");

            g_ptr_array_add(name->names, g_strdup(tree->subname));
            return name;
        }
        default:
            if (class == NULL)
                return NULL;
            if (tree->relation != NULL)
                return tree_object_of_var(class, tree->relation);
            /* Types and domains are lists of words here, no TypeName. */
            if (tree->object != NULL && tree->object->node_case == PG_QUERY__NODE__NODE_LIST &&
                (strcmp(class, "type") == 0 || strcmp(class, "domain") == 0))
                return tree_object_of_type(class, tree->object->list->n_items, tree->object->list->items);
            return tree_object_of_node(tree->rename_type, tree->object);
    }
}

static gboolean
rename_object(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__RenameStmt *tree = node->rename_stmt;

    if (!tree_object_one(stmt, OBJECT_RENAME, renamed_object(tree)))
        return FALSE;
    stmt->object.action = tree->rename_type == PG_QUERY__OBJECT_TYPE__OBJECT_ATTRIBUTE       ? "RENAME ATTRIBUTE"
                          : tree->rename_type == PG_QUERY__OBJECT_TYPE__OBJECT_DOMCONSTRAINT ? "RENAME CONSTRAINT"
                                                                                             : "RENAME TO";
    stmt->object.name = g_strdup(tree->newname);
    stmt->object.part = tree->subname[0] != '\0' ? g_strdup(tree->subname) : NULL;
    stmt->object.if_exists = tree->missing_ok;
    stmt->object.is_cascade = tree->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    if (tree->relation != NULL && !tree->relation->inh)
        stmt->object.unsupported = "ONLY";
    return TRUE;
}

/* Where the names of DROP stand, so that it can be cut into one statement for each. */
static void
cut_drop(Stmt *stmt, const PgQuery__DropStmt *tree, const Tokens *tokens, guint words)
{
    ObjectStmt *object = &stmt->object;
    guint at = 1 + words;
    guint limit = tokens->tokens->len;

    if (tokens_is(tokens, stmt->text, limit - 1, "CASCADE") || tokens_is(tokens, stmt->text, limit - 1, "RESTRICT"))
        limit--;
    if (tree->missing_ok)
        at += 2;
    object->head_length = tokens_at(tokens, at)->start;
    object->tail_offset = tokens_at(tokens, limit - 1)->end;
    for (guint i = 0; i < object->objects->len && at < limit; i++) {
        ObjectName *name = g_ptr_array_index(object->objects, i);
        guint end = tokens_item_end(tokens, stmt->text, at, limit);

        name->text = tokens_slice(tokens, stmt->text, at, end);
        at = end + 1;
    }
}

/* Classes of things that belong to a table, whose names begin with that of the table. */
static gboolean
has_carrier(const char *class)
{
    static const char *const carried[] = {"table column", "table constraint", "trigger", "policy", "rule", NULL};

    return g_strv_contains(carried, class);
}

static gboolean
drop_objects(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__DropStmt *tree = node->drop_stmt;
    guint words = 0;
    const char *class = tree_object_class(tree->remove_type, &words);
    ObjectStmt *object;

    if (class == NULL || tree->concurrent)
        return FALSE;
    object = tree_object_begin(stmt, OBJECT_DROP, class);
    object->if_exists = tree->missing_ok;
    object->is_cascade = tree->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    for (size_t i = 0; i < tree->n_objects; i++) {
        ObjectName *name = tree_object_of_node(tree->remove_type, tree->objects[i]);

        if (name == NULL) {
            object_stmt_clear(object);
            stmt->kind = STMT_OTHER;
            return FALSE;
        }
        g_ptr_array_add(object->objects, name);
        /* table.trigger, table.policy, table.rule */
        if (has_carrier(class))
            g_ptr_array_add(object->carriers, tree_object_of_list("relation", tree->objects[i]->list->n_items - 1,
                                                                  tree->objects[i]->list->items));
    }
    if (tree->n_objects > 1)
        cut_drop(stmt, tree, tokens, words);
    return TRUE;
}

static gboolean
truncate_tables(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__TruncateStmt *tree = node->truncate_stmt;
    ObjectStmt *object = tree_object_begin(stmt, OBJECT_TRUNCATE, "table");

    object->is_cascade = tree->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    for (size_t i = 0; i < tree->n_relations; i++)
        g_ptr_array_add(object->objects, tree_object_of_var("table", tree->relations[i]->range_var));
    return TRUE;
}

static gboolean
comment_on(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__CommentStmt *tree = node->comment_stmt;
    guint is = tokens->tokens->len;

    if (!tree_object_one(stmt, OBJECT_COMMENT, tree_object_of_node(tree->objtype, tree->object)))
        return FALSE;
    if (tree->object->node_case == PG_QUERY__NODE__NODE_LIST && has_carrier(stmt->object.class))
        g_ptr_array_add(stmt->object.carriers,
                        tree_object_of_list("relation", tree->object->list->n_items - 1, tree->object->list->items));
    /* IS stands once at the top: names that are spelled so must be quoted (it is reserved). */
    for (guint i = 2; i < tokens->tokens->len; i++) {
        if (tokens_at(tokens, i)->depth == 0 && tokens_is(tokens, stmt->text, i, "IS"))
            is = i;
    }
    stmt->object.name = tokens_slice(tokens, stmt->text, 0, is);
    return TRUE;
}

static ObjectName *
granted_object(const PgQuery__GrantStmt *tree, const PgQuery__Node *node)
{
    if (tree->targtype == PG_QUERY__GRANT_TARGET_TYPE__ACL_TARGET_ALL_IN_SCHEMA)
        return tree_object_of_node(PG_QUERY__OBJECT_TYPE__OBJECT_SCHEMA, node);
    if (node->node_case == PG_QUERY__NODE__NODE_RANGE_VAR)
        return tree_object_of_var(tree_object_class(tree->objtype, NULL), node->range_var);
    if (node->node_case == PG_QUERY__NODE__NODE_LIST)
        return tree_object_class(tree->objtype, NULL) != NULL
                   ? tree_object_of_type("type", node->list->n_items, node->list->items)
                   : NULL;
    return tree_object_of_node(tree->objtype, node);
}

static gboolean
grant(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    const PgQuery__GrantStmt *tree = node->grant_stmt;
    ObjectStmt *object;

    if (tree_object_class(tree->objtype, NULL) == NULL)
        return FALSE;
    object =
        tree_object_begin(stmt, tree->is_grant ? OBJECT_GRANT : OBJECT_REVOKE, tree_object_class(tree->objtype, NULL));
    object->in_schema = tree->targtype == PG_QUERY__GRANT_TARGET_TYPE__ACL_TARGET_ALL_IN_SCHEMA;
    object->is_cascade = !tree->is_grant && tree->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    for (size_t i = 0; i < tree->n_objects; i++) {
        ObjectName *name = granted_object(tree, tree->objects[i]);

        if (name == NULL) {
            object->unsupported = "an object that cannot be named";
            continue;
        }
        g_ptr_array_add(object->objects, name);
    }
    for (size_t i = 0; i < tree->n_grantees; i++)
        g_ptr_array_add(object->grantees, role_text(tree->grantees[i]->role_spec));
    return TRUE;
}

static const struct {
    PgQuery__Node__NodeCase node;
    gboolean (*fill)(Stmt *, const PgQuery__Node *, const Tokens *);
} changes[] = {
    {PG_QUERY__NODE__NODE_ALTER_TABLE_STMT, alter_relation},
    {PG_QUERY__NODE__NODE_ALTER_ENUM_STMT, alter_enum},
    {PG_QUERY__NODE__NODE_ALTER_SEQ_STMT, alter_sequence},
    {PG_QUERY__NODE__NODE_ALTER_FUNCTION_STMT, alter_function},
    {PG_QUERY__NODE__NODE_ALTER_DOMAIN_STMT, alter_domain},
    {PG_QUERY__NODE__NODE_ALTER_POLICY_STMT, alter_policy},
    {PG_QUERY__NODE__NODE_ALTER_STATS_STMT, alter_statistics},
    {PG_QUERY__NODE__NODE_ALTER_PUBLICATION_STMT, alter_publication},
    {PG_QUERY__NODE__NODE_ALTER_EXTENSION_STMT, alter_extension},
    {PG_QUERY__NODE__NODE_ALTER_OWNER_STMT, alter_owner},
    {PG_QUERY__NODE__NODE_ALTER_OBJECT_SCHEMA_STMT, alter_schema},
    {PG_QUERY__NODE__NODE_RENAME_STMT, rename_object},
    {PG_QUERY__NODE__NODE_DROP_STMT, drop_objects},
    {PG_QUERY__NODE__NODE_TRUNCATE_STMT, truncate_tables},
    {PG_QUERY__NODE__NODE_COMMENT_STMT, comment_on},
    {PG_QUERY__NODE__NODE_GRANT_STMT, grant},
};

gboolean
tree_change_object(Stmt *stmt, const PgQuery__Node *node, const Tokens *tokens)
{
    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        if (changes[i].node == node->node_case)
            return changes[i].fill(stmt, node, tokens);
    }
    return FALSE;
}
