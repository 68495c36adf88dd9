-- Tables of a migration whose name means another table now, or none, while the table itself is still there.
-- $1 bigint: migration, $2 text[]: names that the migration itself may have changed
SELECT DISTINCT s.relation, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS now_called
  FROM pgseam.step AS s
  JOIN pg_catalog.pg_class AS c ON c.oid = s.relation_oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE s.migration_id = $1::bigint AND (pg_catalog.to_regclass(s.relation) = s.relation_oid) IS NOT TRUE
   AND s.relation <> ALL ($2::text[])
 ORDER BY 1
