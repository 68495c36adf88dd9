#include "cli/planning_repack.h"

#include "base/error.h"
#include "catalog/load.h"
#include "run/journal.h"

static Facts *
load_facts(DbConn *conn, const char *relation, GError **error)
{
    FactRequest request;
    Facts *facts;

    fact_request_init(&request);
    g_ptr_array_add(request.relations, g_strdup(relation));
    facts = facts_load(conn, &request, NULL, error);
    fact_request_clear(&request);
    return facts;
}

static gboolean
has_complete(const GPtrArray *migrations)
{
    for (guint i = 0; i < migrations->len; i++) {
        if (((const JournalMigration *)g_ptr_array_index(migrations, i))->state == STATE_COMPLETE)
            return TRUE;
    }
    return FALSE;
}

/* The caller frees. */
static char *
free_name(DbConn *conn, const char *table, GError **error)
{
    gboolean exists = FALSE;

    if (!journal_exists(conn, &exists, error))
        return NULL;
    for (unsigned number = 1;; number++) {
        g_autofree char *name =
            number == 1 ? g_strdup_printf("repack_%s", table) : g_strdup_printf("repack_%s_%u", table, number);
        g_autoptr(GPtrArray) known = NULL;

        if (!exists)
            return g_steal_pointer(&name);
        known = journal_list(conn, name, error);
        if (known == NULL)
            return NULL;
        if (!has_complete(known))
            return journal_check_name(conn, name, error) ? g_steal_pointer(&name) : NULL;
    }
}

static gboolean
check_probes(DbConn *conn, const RepackRequest *request, const Facts *facts, const FactTable *table, GError **error)
{
    g_autoptr(GPtrArray) probes = repack_probes(request, table);
    gboolean ok =
        db_run(conn, "BEGIN READ ONLY", DB_NONE, error) &&
        db_run(conn, "SELECT pg_catalog.set_config('search_path', $1, true)", DB_ARGS(facts->search_path), error);

    for (guint i = 0; ok && i < probes->len; i++) {
        const PlanProbe *probe = g_ptr_array_index(probes, i);

        ok = db_run(conn, probe->sql, DB_NONE, error);
        if (!ok && error != NULL && seam_error_is(*error, SEAM_ERROR_SQL)) {
            g_prefix_error(error, "%s: ", probe->wrong);
            seam_error_recode(error, SEAM_ERROR_REFUSED);
        }
    }
    db_abort(conn);
    return ok;
}

Plan *
planning_repack(DbConn *conn, const RepackRequest *request, const char *relation, GError **error)
{
    g_autoptr(Facts) facts = load_facts(conn, relation, error);
    const FactTable *table = facts != NULL ? g_hash_table_lookup(facts->relations, relation) : NULL;
    g_autofree char *name = NULL;
    RepackRequest named = *request;

    if (facts == NULL)
        return NULL;
    if (table == NULL) {
        seam_error_set(error, SEAM_ERROR_REFUSED, "table %s does not exist (search_path: %s)", relation,
                       facts->search_path);
        seam_error_hint(error, "check the name, and the search_path of the role you connect as");
        return NULL;
    }
    name = request->migration != NULL ? g_strdup(request->migration) : free_name(conn, table->name, error);
    if (name == NULL || !check_probes(conn, request, facts, table, error))
        return NULL;
    named.migration = name;
    return repack_plan(&named, facts, table, error);
}
