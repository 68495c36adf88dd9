-- The tables and materialized views of a schema; no rows if there is no such schema, one with NULL if it is empty.
-- $1 text: its name
SELECT c.oid::bigint AS oid
  FROM pg_catalog.pg_namespace AS n
  LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
 WHERE n.nspname = $1
 ORDER BY c.relname
