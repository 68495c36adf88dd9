#include "version/close.h"

#include "base/sqltext.h"

/* `acl`: a query of one row, its owner and its acl. */
static char *
close_sql(const char *what, const char *acl)
{
    g_autofree char *body =
        sql_build("\nDECLARE\n"
                  "    grantee text;\n"
                  "BEGIN\n"
                  "    FOR grantee IN\n"
                  "        SELECT DISTINCT CASE WHEN e.grantee = 0 THEN 'PUBLIC'\n"
                  "               ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(e.grantee)) END\n"
                  "          FROM (?) AS c (owner, acl) CROSS JOIN LATERAL pg_catalog.aclexplode(c.acl) AS e\n"
                  "         WHERE e.grantee <> c.owner\n"
                  "    LOOP\n"
                  "        EXECUTE pg_catalog.format('REVOKE ALL ON %s FROM %s', ?, grantee);\n"
                  "    END LOOP;\n"
                  "END\n",
                  sql_raw(acl), sql_literal(what));

    return sql_build("DO ?", sql_literal(body));
}

char *
close_relation_sql(const char *schema, const char *name)
{
    g_autofree char *quoted = sql_quote_name(schema, name);
    g_autofree char *acl = sql_build("SELECT r.relowner, r.relacl FROM pg_catalog.pg_class AS r WHERE r.oid = "
                                     "CAST(? AS pg_catalog.regclass)",
                                     sql_literal(quoted));

    return close_sql(quoted, acl);
}

char *
close_function_sql(const char *schema, const char *name)
{
    g_autofree char *quoted = sql_quote_name(schema, name);
    g_autofree char *signature = g_strdup_printf("%s()", quoted);
    g_autofree char *what = g_strdup_printf("FUNCTION %s", signature);
    g_autofree char *acl = sql_build("SELECT p.proowner, coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner)) "
                                     "FROM pg_catalog.pg_proc AS p WHERE p.oid = CAST(? AS pg_catalog.regprocedure)",
                                     sql_literal(signature));

    return close_sql(what, acl);
}
