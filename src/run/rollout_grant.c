#include "base/error.h"
#include "base/sqltext.h"
#include "run/rollout_row.h"
#include "run_queries.h"

static void
set_not_owner(const char *grantee, GError **error)
{
    g_clear_error(error);
    seam_error_set(error, SEAM_ERROR_REFUSED,
                   "this role may not let others use schema pgseam: it is not its owner, or not that of its functions");
    seam_error_hint(error, "have the owner run `pgseam rollout grant %s`", grantee);
}

static gboolean
run_grants(DbConn *conn, const char *grantee, GError **error)
{
    g_autofree char *enter = sql_build("GRANT USAGE ON SCHEMA pgseam TO ?", sql_raw(grantee));
    g_autofree char *ask = sql_build("GRANT EXECUTE ON FUNCTION pgseam.rollout_version(text, text), "
                                     "pgseam.rollout_state(text), pgseam.rollout_report(text, text, boolean, text) "
                                     "TO ?",
                                     sql_raw(grantee));
    GError *why = NULL;

    if (db_run(conn, ask, DB_NONE, &why) && db_run(conn, enter, DB_NONE, &why))
        return TRUE;
    if (seam_error_has_sqlstate(why, "42501"))
        set_not_owner(grantee, &why);
    g_propagate_error(error, why);
    return FALSE;
}

/* A GRANT that may not be given is a mere warning where one has any other right: so it is looked at afterwards. */
static gboolean
check_granted(DbConn *conn, const char *role, const char *grantee, GError **error)
{
    g_autoptr(DbResult) has = db_query(conn, QUERY_ROLLOUT_GRANTEE, DB_ARGS(role), error);

    if (has == NULL || (db_bool(has, 0, "may_enter") && db_bool(has, 0, "may_ask")))
        return has != NULL;
    set_not_owner(grantee, error);
    return FALSE;
}

static gboolean
grant_in_transaction(DbConn *conn, const char *role, GError **error)
{
    gboolean is_everybody = g_ascii_strcasecmp(role, "public") == 0;
    const char *known_as = is_everybody ? "public" : role;
    g_autofree char *grantee = is_everybody ? g_strdup("PUBLIC") : sql_quote_ident(role);
    g_autoptr(DbResult) has = db_query(conn, QUERY_ROLLOUT_GRANTEE, DB_ARGS(known_as), error);

    if (has == NULL)
        return FALSE;
    if (!db_bool(has, 0, "may_enter") && db_text(has, 0, "open_tables") != NULL) {
        seam_error_set(error, SEAM_ERROR_REFUSED,
                       "%s has rights on tables of the journal, which would come into force with this one: %s", grantee,
                       db_text(has, 0, "open_tables"));
        seam_error_hint(error,
                        "default privileges may have given them; have their owner run once: REVOKE ALL ON ALL TABLES "
                        "IN SCHEMA pgseam FROM %s",
                        grantee);
        return FALSE;
    }
    if (db_bool(has, 0, "may_enter") && db_bool(has, 0, "may_ask"))
        return TRUE;
    return run_grants(conn, grantee, error) && check_granted(conn, known_as, grantee, error);
}

gboolean
rollout_grant(DbConn *conn, const char *role, GError **error)
{
    if (!rollout_row_ensure(conn, error))
        return FALSE;
    if (db_run(conn, "BEGIN", DB_NONE, error) && grant_in_transaction(conn, role, error) && db_commit(conn, error))
        return TRUE;
    db_abort(conn);
    return FALSE;
}
