-- A function, procedure or aggregate by name and types of its parameters, under the search_path that is set.
-- $1 text: quoted name, $2 text: "(type, type)"; NULL: whatever its parameters, if there is only one of the name
SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::oid::bigint AS classid, p.oid::bigint AS objid, 0 AS objsubid
  FROM pg_catalog.pg_proc AS p
 WHERE p.oid = CASE WHEN $2::text IS NULL THEN pg_catalog.to_regproc($1)::oid
                    ELSE pg_catalog.to_regprocedure($1 || $2)::oid END
