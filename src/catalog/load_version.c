#include "catalog/load_version.h"

#include "base/names.h"
#include "catalog_queries.h"
#include "db/array.h"
#include "db/result.h"

static gboolean
load_grants(DbConn *conn, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) rows = db_query(conn, QUERY_GRANTS, DB_ARGS(oid), error);

    table->grants = g_ptr_array_new();
    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        FactGrant *grant = g_new0(FactGrant, 1);

        grant->column = g_strdup(db_text(rows, i, "column_name"));
        grant->grantee = g_strdup(db_text(rows, i, "grantee"));
        grant->privilege = g_strdup(db_text(rows, i, "privilege"));
        grant->is_grantable = db_bool(rows, i, "is_grantable");
        grant->is_passed_on = db_bool(rows, i, "is_passed_on");
        g_ptr_array_add(table->grants, grant);
    }
    return rows != NULL;
}

static gboolean
load_columns(DbConn *conn, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) rows = db_query(conn, QUERY_VERSION_COLUMNS, DB_ARGS(oid), error);

    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        const char *name = db_text(rows, i, "column_name");
        FactColumn *column = name != NULL ? (FactColumn *)facts_column(table, name) : NULL;

        if (name == NULL)
            table->comment = g_strdup(db_text(rows, i, "text"));
        else if (column != NULL) {
            column->comment = g_strdup(db_text(rows, i, "text"));
            column->forbids_null = db_bool(rows, i, "forbids_null");
            column->type_default = g_strdup(db_text(rows, i, "type_default"));
            column->not_null_name = g_strdup(db_text(rows, i, "not_null_name"));
            column->not_null_comment = g_strdup(db_text(rows, i, "not_null_comment"));
            column->has_odd_not_null = db_bool(rows, i, "has_odd_not_null");
            column->has_own_grant = db_bool(rows, i, "has_own_grant");
            column->has_storage = db_bool(rows, i, "has_storage");
        }
    }
    return rows != NULL;
}

static gboolean
load_indexes(DbConn *conn, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) rows = db_query(conn, QUERY_VERSION_INDEXES, DB_ARGS(oid), error);

    for (int i = 0; rows != NULL && i < db_rows(rows); i++) {
        FactIndex *index = (FactIndex *)facts_index(table, db_text(rows, i, "name"));

        if (index == NULL)
            continue;
        index->comment = g_strdup(db_text(rows, i, "comment"));
        index->tablespace = g_strdup(db_text(rows, i, "tablespace"));
        index->statistics = db_array(rows, i, "statistics");
    }
    return rows != NULL;
}

static gboolean
load_writers(DbConn *conn, FactTable *table, const char *oid, GError **error)
{
    g_autoptr(DbResult) row = db_query(conn, QUERY_VERSION_TABLE, DB_ARGS(oid), error);

    if (row == NULL)
        return FALSE;
    table->before_triggers = db_array(row, 0, "before_triggers");
    table->update_of = db_array(row, 0, "update_of");
    table->statistics_columns = db_array(row, 0, "statistics_columns");
    table->partition_keys = db_array(row, 0, "partition_keys");
    table->publications = g_strdup(db_text(row, 0, "publications"));
    return TRUE;
}

static gboolean
load_schema(DbConn *conn, FactVersion *version, const char *name, GError **error)
{
    g_autoptr(DbResult) row = db_query(conn, QUERY_VERSION_SCHEMA, DB_ARGS(name), error);

    if (row == NULL)
        return FALSE;
    version->is_taken = db_bool(row, 0, "is_taken");
    version->may_create = db_bool(row, 0, "may_create");
    return TRUE;
}

gboolean
load_version(DbConn *conn, Facts *facts, const char *name, GError **error)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, facts->tables);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        FactTable *table = value;
        g_autofree char *oid = db_int_text(table->oid);

        if (!load_grants(conn, table, oid, error) || !load_columns(conn, table, oid, error) ||
            !load_indexes(conn, table, oid, error) || !load_writers(conn, table, oid, error))
            return FALSE;
    }
    return load_schema(conn, &facts->version, name, error);
}

void
load_version_views(Facts *facts, const GPtrArray *versions, const GPtrArray *rising)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, facts->tables);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const FactTable *table = value;

        for (guint i = 0; table->dependents != NULL && i < table->dependents->len; i++) {
            FactDependent *dependent = g_ptr_array_index(table->dependents, i);

            dependent->is_rising = dependent->view_schema != NULL && names_contain(rising, dependent->view_schema);
            dependent->is_ours = dependent->is_rising ||
                                 (dependent->view_schema != NULL && names_contain(versions, dependent->view_schema));
        }
    }
}
