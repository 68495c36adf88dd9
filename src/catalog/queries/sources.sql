-- What a materialized view reads: relations at any depth.
-- $1 oid
WITH RECURSIVE reads AS (
    SELECT $1::oid AS oid
    UNION
    SELECT d.refobjid
      FROM reads AS r
      JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = r.oid
      JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
       AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
)
SELECT n.nspname AS schema, c.relname AS name
  FROM reads AS r
  JOIN pg_catalog.pg_class AS c ON c.oid = r.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE r.oid <> $1::oid AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
 ORDER BY 1, 2
