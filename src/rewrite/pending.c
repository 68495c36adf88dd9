#include "base/sqltext.h"
#include "rewrite/swap.h"
#include "rewrite/verify.h"

gboolean
swap_check(Rewrite *rewrite, DbConn *conn, GError **error)
{
    return TRUE;
}
gboolean
swap_add_locks(Rewrite *rewrite, DbConn *conn, SwapDirection direction, Step *step, GError **error)
{
    return TRUE;
}
gboolean
swap_note_shape(Rewrite *rewrite, DbConn *conn, GError **error)
{
    return TRUE;
}
gboolean
swap_catalog(Rewrite *rewrite, SwapDirection direction, GError **error)
{
    DbConn *c = rewrite->run->work;
    char *a = sql_build("ALTER TABLE ? SET SCHEMA ?", sql_name(rewrite->name, rewrite->table), sql_ident("pgseam"));
    char *l =
        sql_build("ALTER TABLE ? SET SCHEMA ?", sql_name(rewrite->schema, rewrite->table), sql_ident(rewrite->name));
    char *b = sql_build("ALTER TABLE ? SET SCHEMA ?", sql_name("pgseam", rewrite->table), sql_ident(rewrite->schema));
    return db_run(c, a, DB_NONE, error) && db_run(c, l, DB_NONE, error) && db_run(c, b, DB_NONE, error);
}
gboolean
verify_flow(Rewrite *rewrite, const Flow *flow, VerifyReport *ret, GError **error)
{
    return TRUE;
}
void
verify_report_clear(VerifyReport *report)
{
}
