-- Tables that may be the ledger of another tool.
-- $1 text[]: names of tables
SELECT n.nspname AS schema, c.relname AS relation,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute AS a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.relname = ANY ($1::text[]) AND n.nspname <> 'pgseam' AND n.nspname !~ '^pg_'
 ORDER BY 1, 2
