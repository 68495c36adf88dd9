-- What GRANT ... ON ALL <kind> IN SCHEMA is about.
-- $1 oid: the schema, $2 text: table, sequence, function, procedure or routine
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid::bigint AS classid, c.oid::bigint AS objid
  FROM pg_catalog.pg_class AS c
 WHERE c.relnamespace = $1::oid
   AND ($2 = 'table' AND c.relkind IN ('r', 'p', 'v', 'm', 'f') OR $2 = 'sequence' AND c.relkind = 'S')
UNION ALL
SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::oid::bigint, p.oid::bigint
  FROM pg_catalog.pg_proc AS p
 WHERE p.pronamespace = $1::oid
   AND ($2 = 'function' AND p.prokind <> 'p' OR $2 = 'procedure' AND p.prokind = 'p' OR $2 = 'routine')
 ORDER BY 1, 2
