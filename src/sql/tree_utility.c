/*
 * Statements that change no schema.
 */
#include <string.h>

#include "sql/tree_object.h"

static const struct {
    PgQuery__Node__NodeCase node;
    UtilityKind kind;
} utilities[] = {
    {PG_QUERY__NODE__NODE_VARIABLE_SET_STMT, UTILITY_SET},
    {PG_QUERY__NODE__NODE_LOCK_STMT, UTILITY_LOCK},
    {PG_QUERY__NODE__NODE_VACUUM_STMT, UTILITY_VACUUM},
    {PG_QUERY__NODE__NODE_CLUSTER_STMT, UTILITY_VACUUM},
    {PG_QUERY__NODE__NODE_VARIABLE_SHOW_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_LISTEN_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_UNLISTEN_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_PREPARE_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_EXECUTE_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_DEALLOCATE_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_DISCARD_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_DECLARE_CURSOR_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_FETCH_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_CLOSE_PORTAL_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_LOAD_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_EXPLAIN_STMT, UTILITY_SESSION},
    {PG_QUERY__NODE__NODE_CONSTRAINTS_SET_STMT, UTILITY_CONSTRAINTS},
    {PG_QUERY__NODE__NODE_DO_STMT, UTILITY_CODE},
    {PG_QUERY__NODE__NODE_CALL_STMT, UTILITY_CODE},
    {PG_QUERY__NODE__NODE_NOTIFY_STMT, UTILITY_CODE},
    {PG_QUERY__NODE__NODE_SELECT_STMT, UTILITY_CODE},
    {PG_QUERY__NODE__NODE_CHECK_POINT_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_CREATEDB_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_DROPDB_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_ALTER_DATABASE_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_ALTER_DATABASE_SET_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_ALTER_DATABASE_REFRESH_COLL_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_CREATE_ROLE_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_ALTER_ROLE_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_ALTER_ROLE_SET_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_DROP_ROLE_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_GRANT_ROLE_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_CREATE_TABLE_SPACE_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_DROP_TABLE_SPACE_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_ALTER_TABLE_SPACE_OPTIONS_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_ALTER_SYSTEM_STMT, UTILITY_CLUSTER},
    {PG_QUERY__NODE__NODE_CREATE_SUBSCRIPTION_STMT, UTILITY_ALONE},
    {PG_QUERY__NODE__NODE_ALTER_SUBSCRIPTION_STMT, UTILITY_ALONE},
    {PG_QUERY__NODE__NODE_DROP_SUBSCRIPTION_STMT, UTILITY_ALONE},
    {PG_QUERY__NODE__NODE_COPY_STMT, UTILITY_COPY},
    {PG_QUERY__NODE__NODE_SEC_LABEL_STMT, UTILITY_LABEL},
};

static void
fill_set(UtilityStmt *utility, const PgQuery__VariableSetStmt *tree)
{
    utility->setting = g_ascii_strdown(tree->name, -1);
    utility->is_local = tree->is_local;
    if (tree->kind == PG_QUERY__VARIABLE_SET_KIND__VAR_SET_VALUE && tree->n_args > 0)
        utility->value = tree_literal(tree->args[0]);
}

static void
fill_vacuum(UtilityStmt *utility, const PgQuery__VacuumStmt *tree)
{
    if (tree->is_vacuumcmd)
        return;
    utility->kind = UTILITY_ANALYZE;
    for (size_t i = 0; i < tree->n_rels; i++) {
        const PgQuery__VacuumRelation *relation = tree->rels[i]->vacuum_relation;

        if (relation->relation != NULL)
            g_ptr_array_add(utility->uses, tree_object_of_var("relation", relation->relation));
    }
}

/* SELECT [pg_catalog.]set_config('name', 'value', ...): what pg_dump writes for SET. */
static void
fill_select(UtilityStmt *utility, const PgQuery__SelectStmt *tree)
{
    const PgQuery__Node *value;
    const PgQuery__FuncCall *call;
    g_autofree char *name = NULL;

    if (tree->n_target_list != 1 || tree->n_from_clause > 0 || tree->where_clause != NULL)
        return;
    value = tree->target_list[0]->res_target->val;
    if (value == NULL || value->node_case != PG_QUERY__NODE__NODE_FUNC_CALL || value->func_call->n_args != 3)
        return;
    call = value->func_call;
    if (strcmp(call->funcname[call->n_funcname - 1]->string->sval, "set_config") != 0)
        return;
    name = tree_literal(call->args[0]);
    if (name == NULL || name[0] != '\'')
        return;
    utility->kind = UTILITY_SET;
    utility->setting = g_ascii_strdown(name + 1, (gssize)strlen(name) - 2);
    utility->value = tree_literal(call->args[1]);
}

gboolean
tree_utility(Stmt *stmt, const PgQuery__Node *node)
{
    for (gsize i = 0; i < G_N_ELEMENTS(utilities); i++) {
        if (utilities[i].node != node->node_case)
            continue;
        stmt->kind = STMT_UTILITY;
        stmt->utility.kind = utilities[i].kind;
        stmt->utility.uses = g_ptr_array_new_with_free_func(object_name_free);
        if (node->node_case == PG_QUERY__NODE__NODE_VARIABLE_SET_STMT)
            fill_set(&stmt->utility, node->variable_set_stmt);
        else if (node->node_case == PG_QUERY__NODE__NODE_VACUUM_STMT)
            fill_vacuum(&stmt->utility, node->vacuum_stmt);
        else if (node->node_case == PG_QUERY__NODE__NODE_COPY_STMT)
            stmt->utility.is_stdin = node->copy_stmt->is_from && node->copy_stmt->filename[0] == '\0';
        else if (node->node_case == PG_QUERY__NODE__NODE_SELECT_STMT)
            fill_select(&stmt->utility, node->select_stmt);
        return TRUE;
    }
    return FALSE;
}
