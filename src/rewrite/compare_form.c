#include "rewrite/compare_form.h"

#include <string.h>

#include "base/sqltext.h"
#include "rewrite_queries.h"

/* Of pg_catalog; each was looked up in the source of its hash function. */
static const struct {
    const char *name;
    CompareForm form;
} known[] = {
    {"bool", COMPARE_PLAIN}, {"char", COMPARE_PLAIN},    {"int2", COMPARE_PLAIN},    {"int4", COMPARE_PLAIN},
    {"oid", COMPARE_PLAIN},  {"date", COMPARE_PLAIN},    {"uuid", COMPARE_PLAIN},    {"bytea", COMPARE_PLAIN},
    {"inet", COMPARE_PLAIN}, {"cidr", COMPARE_PLAIN},    {"macaddr", COMPARE_PLAIN}, {"macaddr8", COMPARE_PLAIN},
    {"text", COMPARE_BYTES}, {"varchar", COMPARE_BYTES}, {"name", COMPARE_BYTES},
};

CompareForm
compare_form(const char *schema, const char *name, gboolean is_enum, gboolean can_send)
{
    if (is_enum)
        return COMPARE_PLAIN;
    for (guint i = 0; strcmp(schema, "pg_catalog") == 0 && i < G_N_ELEMENTS(known); i++) {
        if (strcmp(known[i].name, name) == 0)
            return known[i].form;
    }
    return can_send ? COMPARE_SEND : COMPARE_TEXT;
}

char *
compare_form_sql(const CompareType *type, const char *value)
{
    switch (type->form) {
        case COMPARE_PLAIN:
            return sql_build("(?)", sql_raw(value));
        case COMPARE_SEND:
            return sql_build("?(CAST((?) AS ?))", sql_raw(type->send), sql_raw(value), sql_raw(type->base));
        case COMPARE_BYTES:
        case COMPARE_TEXT:
            return sql_build("(CAST((?) AS pg_catalog.text) COLLATE pg_catalog.\"C\")", sql_raw(value));
    }
    g_assert_not_reached();
}

static void
type_free(gpointer data)
{
    CompareType *type = data;

    g_free(type->column);
    g_free(type->base);
    g_free(type->send);
    g_free(type);
}

GHashTable *
compare_types(DbConn *conn, gint64 table_oid, GError **error)
{
    g_autofree char *oid = db_int_text(table_oid);
    g_autoptr(DbResult) rows = db_query(conn, QUERY_COMPARE_TYPES, DB_ARGS(oid), error);
    GHashTable *types;

    if (rows == NULL)
        return NULL;
    types = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, type_free);
    for (int i = 0; i < db_rows(rows); i++) {
        CompareType *type = g_new0(CompareType, 1);

        type->column = g_strdup(db_text(rows, i, "column"));
        type->form = compare_form(db_text(rows, i, "schema"), db_text(rows, i, "name"), db_bool(rows, i, "is_enum"),
                                  db_bool(rows, i, "can_send"));
        type->base = g_strdup(db_text(rows, i, "base"));
        type->send = g_strdup(db_text(rows, i, "send"));
        g_hash_table_insert(types, type->column, type);
    }
    return types;
}
