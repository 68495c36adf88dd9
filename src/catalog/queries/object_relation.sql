-- A relation by name, under the search_path that is set.
-- $1 text: quoted name
SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::oid::bigint AS classid, c.oid::bigint AS objid, 0 AS objsubid
  FROM pg_catalog.pg_class AS c
 WHERE c.oid = pg_catalog.to_regclass($1)
