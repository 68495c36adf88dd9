-- A type or domain by name, under the search_path that is set.
-- $1 text: quoted name
SELECT 'pg_catalog.pg_type'::pg_catalog.regclass::oid::bigint AS classid, t.oid::bigint AS objid, 0 AS objsubid
  FROM pg_catalog.pg_type AS t
 WHERE t.oid = pg_catalog.to_regtype($1)
