/*
 * What an UPDATE, DELETE or INSERT ... SELECT reads besides the row in hand, and what in it would come out otherwise if
 * the statement ran once for each batch.
 */
#include <string.h>

#include "sql/tree.h"

typedef struct Search {
    DmlStmt *dml;
    const char *alias; /* what the row in hand is called */
    gboolean is_tied;  /* a column of the row in hand was seen */
} Search;

static void
read_free(gpointer data)
{
    RelName *read = data;

    g_free(read->schema);
    g_free(read->name);
    g_free(read);
}

static void
set_hazard(Search *search, const char *what)
{
    if (search->dml->hazard == NULL)
        search->dml->hazard = what;
}

static gboolean
find_alias(gpointer data, const ProtobufCMessage *message)
{
    Search *search = data;
    const PgQuery__ColumnRef *ref = (const PgQuery__ColumnRef *)message;

    if (message->descriptor != &pg_query__column_ref__descriptor)
        return TRUE;
    if (ref->n_fields > 1 && ref->fields[0]->node_case == PG_QUERY__NODE__NODE_STRING &&
        strcmp(ref->fields[0]->string->sval, search->alias) == 0)
        search->is_tied = TRUE;
    return FALSE;
}

/* A query with LIMIT picks the same rows for each batch only if it picks them for each row. */
static gboolean
is_tied(Search *search, const ProtobufCMessage *message)
{
    search->is_tied = FALSE;
    tree_walk(message, find_alias, search);
    return search->is_tied;
}

static void
visit_select(Search *search, const ProtobufCMessage *message)
{
    const PgQuery__SelectStmt *select = (const PgQuery__SelectStmt *)message;

    if ((select->limit_count != NULL || select->limit_offset != NULL) && !is_tied(search, message))
        set_hazard(search, "LIMIT or OFFSET in a subquery that does not go by the row (qualify its columns)");
    if (select->n_locking_clause > 0)
        set_hazard(search, "FOR UPDATE or FOR SHARE in a subquery");
}

static gboolean
is_known(gconstpointer a, gconstpointer b)
{
    const RelName *one = a;
    const RelName *other = b;

    return g_strcmp0(one->schema, other->schema) == 0 && strcmp(one->name, other->name) == 0;
}

static void
visit_range_var(Search *search, const ProtobufCMessage *message)
{
    RelName *read = g_new0(RelName, 1);

    *read = tree_rel_name((const PgQuery__RangeVar *)message);
    if (g_ptr_array_find_with_equal_func(search->dml->reads, read, is_known, NULL))
        read_free(read);
    else
        g_ptr_array_add(search->dml->reads, read);
}

static void
visit_func_call(Search *search, const ProtobufCMessage *message)
{
    if (((const PgQuery__FuncCall *)message)->over != NULL)
        set_hazard(search, "a window function");
}

static void
visit_with_query(Search *search, const ProtobufCMessage *message)
{
    g_ptr_array_add(search->dml->withs, g_strdup(((const PgQuery__CommonTableExpr *)message)->ctename));
}

static void
visit_sample(Search *search, const ProtobufCMessage *message)
{
    set_hazard(search, "TABLESAMPLE");
}

static void
visit_change(Search *search, const ProtobufCMessage *message)
{
    search->dml->unsupported = "a WITH query that changes data";
}

static const struct {
    const ProtobufCMessageDescriptor *descriptor;
    void (*visit)(Search *search, const ProtobufCMessage *message);
} interests[] = {
    {&pg_query__select_stmt__descriptor, visit_select},
    {&pg_query__range_var__descriptor, visit_range_var},
    {&pg_query__func_call__descriptor, visit_func_call},
    {&pg_query__common_table_expr__descriptor, visit_with_query},
    {&pg_query__range_table_sample__descriptor, visit_sample},
    {&pg_query__insert_stmt__descriptor, visit_change},
    {&pg_query__update_stmt__descriptor, visit_change},
    {&pg_query__delete_stmt__descriptor, visit_change},
    {&pg_query__merge_stmt__descriptor, visit_change},
};

static gboolean
visit(gpointer data, const ProtobufCMessage *message)
{
    for (guint i = 0; i < G_N_ELEMENTS(interests); i++) {
        if (interests[i].descriptor == message->descriptor)
            interests[i].visit(data, message);
    }
    return TRUE;
}

void
tree_reads(DmlStmt *dml, const ProtobufCMessage *message, const char *alias)
{
    Search search = {.dml = dml, .alias = alias};

    if (dml->reads == NULL) {
        dml->reads = g_ptr_array_new_with_free_func(read_free);
        dml->withs = g_ptr_array_new_with_free_func(g_free);
    }
    tree_walk(message, visit, &search);
}
