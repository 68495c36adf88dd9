-- What an upgrade has to run so that a new table of the journal can be used by whoever uses the journal, its owner included: statements.
-- $1 text: the new table
SELECT pg_catalog.format('GRANT ALL ON pgseam.%I TO %I', $1::text, o.rolname) AS statement
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_roles AS o ON o.oid = c.relowner
 WHERE c.oid = 'pgseam.migration'::regclass AND o.rolname <> current_user
UNION ALL
SELECT pg_catalog.format('GRANT %s ON pgseam.%I TO %s', a.privilege_type, $1::text,
                         CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(g.rolname) END)
  FROM pg_catalog.pg_class AS c
 CROSS JOIN pg_catalog.aclexplode(c.relacl) AS a
  LEFT JOIN pg_catalog.pg_roles AS g ON g.oid = a.grantee
 WHERE c.oid = 'pgseam.migration'::regclass AND a.grantee <> c.relowner
 ORDER BY statement
