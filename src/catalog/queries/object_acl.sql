-- The statements that bring the privileges on an object back to what they are now, in the order in which they are
-- stored; `is_exact` is false where somebody else than the owner granted some.
-- $1 oid: catalog, $2 oid: row
WITH object AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || pg_catalog.quote_ident(n.nspname) || '.'
           || pg_catalog.quote_ident(c.relname) AS target, c.relacl AS acl, c.relowner AS owner,
           CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char" AS kind, CASE c.relkind WHEN 'S' THEN 'S' ELSE 'r' END AS default_kind
      FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE $1::oid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = $2::oid
    UNION ALL
    SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE ' ELSE 'FUNCTION ' END
           || (pg_catalog.pg_identify_object($1::oid, $2::oid, 0)).identity, p.proacl, p.proowner, 'f', 'f'
      FROM pg_catalog.pg_proc AS p WHERE $1::oid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = $2::oid
    UNION ALL
    SELECT 'SCHEMA ' || pg_catalog.quote_ident(n.nspname), n.nspacl, n.nspowner, 'n', 'n'
      FROM pg_catalog.pg_namespace AS n WHERE $1::oid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND n.oid = $2::oid
    UNION ALL
    SELECT 'TYPE ' || (pg_catalog.pg_identify_object($1::oid, $2::oid, 0)).identity, t.typacl, t.typowner, 'T', 'T'
      FROM pg_catalog.pg_type AS t WHERE $1::oid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = $2::oid
    UNION ALL
    SELECT 'LANGUAGE ' || pg_catalog.quote_ident(l.lanname), l.lanacl, l.lanowner, 'l', ''
      FROM pg_catalog.pg_language AS l WHERE $1::oid = 'pg_catalog.pg_language'::pg_catalog.regclass AND l.oid = $2::oid
    UNION ALL
    SELECT 'FOREIGN SERVER ' || pg_catalog.quote_ident(s.srvname), s.srvacl, s.srvowner, 'S', ''
      FROM pg_catalog.pg_foreign_server AS s
     WHERE $1::oid = 'pg_catalog.pg_foreign_server'::pg_catalog.regclass AND s.oid = $2::oid
    UNION ALL
    SELECT 'FOREIGN DATA WRAPPER ' || pg_catalog.quote_ident(w.fdwname), w.fdwacl, w.fdwowner, 'F', ''
      FROM pg_catalog.pg_foreign_data_wrapper AS w
     WHERE $1::oid = 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass AND w.oid = $2::oid),
items AS (
    SELECT o.target, o.owner, NULL::name AS attname, 0 AS attnum, e.n, e.grantor, e.grantee, e.privilege_type, e.is_grantable
      FROM object AS o
     CROSS JOIN pg_catalog.aclexplode(coalesce(o.acl, pg_catalog.acldefault(o.kind, o.owner)))
           WITH ORDINALITY AS e(grantor, grantee, privilege_type, is_grantable, n)
    UNION ALL
    SELECT o.target, o.owner, a.attname, a.attnum, e.n, e.grantor, e.grantee, e.privilege_type, e.is_grantable
      FROM object AS o
      JOIN pg_catalog.pg_attribute AS a
        ON $1::oid = 'pg_catalog.pg_class'::pg_catalog.regclass AND a.attrelid = $2::oid AND a.attacl IS NOT NULL
       AND NOT a.attisdropped
     CROSS JOIN pg_catalog.aclexplode(a.attacl) WITH ORDINALITY AS e(grantor, grantee, privilege_type, is_grantable, n)),
-- Who would have privileges from ALTER DEFAULT PRIVILEGES if the object were made again.
defaults AS (
    SELECT DISTINCT e.grantee FROM object AS o
      JOIN pg_catalog.pg_default_acl AS d ON d.defaclobjtype = o.default_kind
     CROSS JOIN pg_catalog.aclexplode(d.defaclacl) AS e),
lines AS (
    SELECT 1 AS part, 0 AS attnum, 0::bigint AS n,
           'REVOKE ALL ON ' || o.target || ' FROM '
           || string_agg(CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END,
                         ', ' ORDER BY g.grantee) AS sql
      FROM object AS o CROSS JOIN (
           SELECT i.grantee FROM items AS i UNION SELECT d.grantee FROM defaults AS d
           UNION SELECT e.grantee FROM object AS b CROSS JOIN pg_catalog.aclexplode(pg_catalog.acldefault(b.kind, b.owner)) AS e) AS g
     GROUP BY o.target
    UNION ALL
    SELECT 2, i.attnum, min(i.n),
           'GRANT ' || string_agg(i.privilege_type || coalesce(' (' || pg_catalog.quote_ident(i.attname) || ')', ''), ', ' ORDER BY i.n)
           || ' ON ' || i.target || ' TO '
           || CASE i.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(i.grantee)) END
           || CASE WHEN i.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
      FROM items AS i GROUP BY i.target, i.attname, i.attnum, i.grantee, i.is_grantable)
SELECT l.sql, o.target,
       NOT EXISTS (SELECT FROM items AS i WHERE i.grantor <> i.owner)
       -- What an extension brought is compared with what it brought.
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_init_privs AS p WHERE p.classoid = $1::oid AND p.objoid = $2::oid) AS is_exact,
       o.acl IS NOT NULL OR EXISTS (SELECT FROM items AS i WHERE i.attnum > 0) AS has_acl,
       EXISTS (SELECT FROM defaults) AS has_defaults
  FROM lines AS l CROSS JOIN object AS o
 ORDER BY l.part, l.attnum, l.n
