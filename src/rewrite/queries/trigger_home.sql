-- The table that has the triggers of a set, whatever it is called now.
-- $1 text: schema of the rewrite, $2 text: prefix of names
SELECT DISTINCT n.nspname AS schema, c.relname AS table
  FROM pg_catalog.pg_proc AS p
  JOIN pg_catalog.pg_namespace AS f ON f.oid = p.pronamespace
  JOIN pg_catalog.pg_trigger AS t ON t.tgfoid = p.oid
  JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE f.nspname = $1 AND pg_catalog.starts_with(p.proname::text, $2 || '_')
