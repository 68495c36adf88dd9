#include "catalog/bloat.h"

#include "catalog_queries.h"

static void
bloat_free(gpointer data)
{
    Bloat *bloat = data;

    g_free(bloat->schema);
    g_free(bloat->name);
    g_free(bloat);
}

GPtrArray *
bloat_find(DbConn *conn, GError **error)
{
    g_autoptr(DbResult) rows = db_query(conn, QUERY_BLOAT, DB_NONE, error);
    GPtrArray *list;

    if (rows == NULL)
        return NULL;
    list = g_ptr_array_new_with_free_func(bloat_free);
    for (int i = 0; i < db_rows(rows); i++) {
        Bloat *bloat = g_new0(Bloat, 1);

        bloat->schema = g_strdup(db_text(rows, i, "schema"));
        bloat->name = g_strdup(db_text(rows, i, "name"));
        bloat->bytes = db_int(rows, i, "bytes");
        bloat->unused = db_text(rows, i, "unused") != NULL ? db_int(rows, i, "unused") : 0;
        bloat->percent = db_double(rows, i, "percent");
        bloat->is_known = db_bool(rows, i, "is_known");
        g_ptr_array_add(list, bloat);
    }
    return list;
}
