-- What others than we may do with a table or with one of its columns; its owner, too, where that is not the role.
-- $1 oid
SELECT e.attname AS column_name, e.privilege_type AS privilege, e.is_grantable,
       e.grantor <> e.owner AS is_passed_on,
       CASE e.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(e.grantee)) END AS grantee
  FROM (SELECT NULL::name AS attname, x.grantee, x.privilege_type, x.is_grantable, x.grantor, c.relowner AS owner
          FROM pg_catalog.pg_class AS c
         CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) AS x
         WHERE c.oid = $1::oid
        UNION ALL
        SELECT a.attname, x.grantee, x.privilege_type, x.is_grantable, x.grantor, c.relowner
          FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
         CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) AS x
         WHERE a.attrelid = $1::oid AND NOT a.attisdropped) AS e
 WHERE e.grantee <> (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
 ORDER BY 4, 2, 1 NULLS FIRST
