-- The foreign keys at either end of which the table is, that an exchange has made NOT VALID although they were proven.
-- $1 bigint: migration, $2 text: schema of the rewrite, $3 text: the application's table, quoted
SELECT n.nspname AS schema, c.relname AS table, k.conname AS name
  FROM pgseam.rewrite AS r
  JOIN pg_catalog.pg_constraint AS k ON pg_catalog.to_regclass($3) IN (k.conrelid, k.confrelid)
  JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE r.migration_id = $1::bigint AND r.name = $2 AND k.contype = 'f' AND NOT k.convalidated
   AND pg_catalog.format('ALTER TABLE %I.%I VALIDATE CONSTRAINT %I', n.nspname, c.relname, k.conname) = ANY (r.unproven)
 ORDER BY 1, 2, 3
