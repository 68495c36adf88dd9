#include "rewrite/dependants.h"

#include <string.h>

#include "base/error.h"
#include "db/array.h"
#include "rewrite_queries.h"

static const char *const kind_names[DEPENDANT_N_KINDS] = {[DEPENDANT_VIEW_DROPPED] = "view dropped",
                                                          [DEPENDANT_VIEW_REPLACED] = "view replaced",
                                                          [DEPENDANT_RULE] = "rule",
                                                          [DEPENDANT_POLICY] = "policy",
                                                          [DEPENDANT_FUNCTION] = "function",
                                                          [DEPENDANT_FUNCTION_DROPPED] = "function dropped",
                                                          [DEPENDANT_FOREIGN_KEY] = "foreign key",
                                                          [DEPENDANT_REFUSED] = "refused"};

static void
dependant_free(gpointer data)
{
    Dependant *dependant = data;

    g_free(dependant->oid);
    g_free(dependant->schema);
    g_free(dependant->name);
    g_free(dependant->qualified);
    g_free(dependant->described);
    g_free(dependant->owner);
    g_free(dependant);
}

/* A kind that the query knows and we do not would be a mistake of ours: refusing is safe. */
static DependantKind
kind_of(const char *name)
{
    for (int i = 0; i < DEPENDANT_N_KINDS; i++) {
        if (strcmp(kind_names[i], name) == 0)
            return (DependantKind)i;
    }
    return DEPENDANT_REFUSED;
}

static Dependant *
dependant_of_row(const DbResult *rows, int row)
{
    Dependant *dependant = g_new0(Dependant, 1);

    dependant->kind = kind_of(db_text(rows, row, "what"));
    dependant->oid = g_strdup(db_text(rows, row, "oid"));
    dependant->schema = g_strdup(db_text(rows, row, "schema"));
    dependant->name = g_strdup(db_text(rows, row, "name"));
    dependant->qualified = g_strdup(db_text(rows, row, "qualified"));
    dependant->described = g_strdup(db_text(rows, row, "described"));
    dependant->owner = g_strdup(db_text(rows, row, "owner"));
    dependant->is_ours = db_bool(rows, row, "is_ours");
    return dependant;
}

Dependants *
dependants_read(DbConn *conn, gint64 oid, gint64 next, const GPtrArray *columns, GError **error)
{
    g_autoptr(Dependants) dependants = NULL;
    g_autofree char *oid_text = db_int_text(oid);
    g_autofree char *next_text = next != 0 ? db_int_text(next) : NULL;
    g_autofree char *column_text = db_array_text(columns);
    g_autoptr(DbResult) rows =
        db_query_kept(conn, QUERY_SWAP_DEPENDANTS, DB_ARGS(oid_text, next_text, column_text), error);

    if (rows == NULL)
        return NULL;
    dependants = g_new0(Dependants, 1);
    dependants->all = g_ptr_array_new_with_free_func(dependant_free);
    for (int i = 0; i < db_rows(rows); i++)
        g_ptr_array_add(dependants->all, dependant_of_row(rows, i));
    return g_steal_pointer(&dependants);
}

void
dependants_free(Dependants *dependants)
{
    if (dependants == NULL)
        return;
    g_ptr_array_unref(dependants->all);
    g_free(dependants);
}

char *
dependants_oids(const Dependants *dependants, DependantKind kind)
{
    g_autoptr(GPtrArray) oids = g_ptr_array_new();

    for (guint i = 0; i < dependants->all->len; i++) {
        const Dependant *dependant = g_ptr_array_index(dependants->all, i);

        if (dependant->kind == kind)
            g_ptr_array_add(oids, dependant->oid);
    }
    return db_array_text(oids);
}

char *
dependants_names(const Dependants *dependants, DependantKind kind, DependantKind or_kind)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (guint i = 0; i < dependants->all->len; i++) {
        const Dependant *dependant = g_ptr_array_index(dependants->all, i);

        if (dependant->kind == kind || dependant->kind == or_kind)
            g_ptr_array_add(names, dependant->qualified);
    }
    return db_array_text(names);
}

gboolean
dependants_check(const Dependants *dependants, const char *table, GError **error)
{
    for (guint i = 0; i < dependants->all->len; i++) {
        const Dependant *dependant = g_ptr_array_index(dependants->all, i);

        if (dependant->kind == DEPENDANT_REFUSED) {
            seam_error_set(error, SEAM_ERROR_REFUSED, "%s depends on table %s and could not be moved to the new one",
                           dependant->described, table);
            seam_error_hint(error, "drop it before the migration, and make it again after the cut-over");
            return FALSE;
        }
        if (!dependant->is_ours) {
            seam_error_set(error, SEAM_ERROR_REFUSED,
                           "%s depends on table %s, belongs to %s, and our role could not make it anew",
                           dependant->described, table, dependant->owner);
            seam_error_hint(error, "connect as a member of both owners that may CREATE in its schema, or drop it for "
                                   "the time of the migration");
            return FALSE;
        }
    }
    return TRUE;
}
