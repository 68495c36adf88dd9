#include "cli/version_pin.h"

#include "base/error.h"
#include "base/names.h"
#include "base/sqltext.h"
#include "catalog/load.h"
#include "cli/driver.h"
#include "cli/planning.h"
#include "plan/version_pin.h"
#include "run/progress.h"
#include "sql/directive.h"

static gboolean
check_name(const char *name, GError **error)
{
    if (directive_is_version(name))
        return TRUE;
    seam_error_set(error, SEAM_ERROR_USAGE, "this is no name for a version: %s", name);
    seam_error_hint(error,
                    "an identifier of at most %d bytes, as the catalog has it; not pg_..., pgseam..., public or "
                    "information_schema",
                    NAME_MAX_BYTES);
    return FALSE;
}

/* As SET search_path takes them; NULL with an error. The caller frees. */
static char *
path_of(DbConn *conn, char **schemas, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (char **schema = schemas; *schema != NULL; schema++) {
        g_autofree char *quoted = sql_quote_ident(*schema);
        g_autoptr(DbResult) row =
            db_query(conn, "SELECT pg_catalog.to_regnamespace($1) IS NOT NULL AS found", DB_ARGS(quoted), error);

        if (row == NULL)
            return NULL;
        if (!db_bool(row, 0, "found")) {
            seam_error_set(error, SEAM_ERROR_REFUSED, "schema \"%s\" does not exist", *schema);
            return NULL;
        }
        g_ptr_array_add(names, *schema);
    }
    return sql_quote_list(names);
}

static Plan *
make_plan(DbConn *conn, const char *name, const char *path, GError **error)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *stamp = g_date_time_format(now, "%Y%m%d_%H%M%S_%f");
    g_autofree char *stem = g_strdup_printf("version_%s_%s", name, stamp);
    g_autofree char *migration = name_bounded("pin", stem);
    g_autoptr(Facts) facts = NULL;
    FactRequest request;

    fact_request_init(&request);
    request.version = g_strdup(name);
    request.pins = TRUE;
    planning_add_versions(conn, &request);
    facts = facts_load(conn, &request, path, error);
    fact_request_clear(&request);
    return facts != NULL ? version_pin_plan(name, migration, facts, error) : NULL;
}

Plan *
version_pin_dry(DbConn *conn, const char *name, char **schemas, GError **error)
{
    g_autofree char *path = NULL;

    if (!check_name(name, error))
        return NULL;
    path = schemas != NULL ? path_of(conn, schemas, error) : NULL;
    return schemas == NULL || path != NULL ? make_plan(conn, name, path, error) : NULL;
}

gboolean
version_pin(DbConn *conn, const RunOptions *options, const char *name, char **schemas, GError **error)
{
    g_autoptr(Progress) progress = progress_new(options->is_quiet);
    Plan *plan = version_pin_dry(conn, name, schemas, error);

    if (plan == NULL)
        return FALSE;
    for (guint i = 0; i < plan->notes->len; i++)
        progress_say(progress, "note: %s", (const char *)g_ptr_array_index(plan->notes, i));
    return driver_carry_out(options, "version", plan, error);
}
