-- What an interrupted REINDEX CONCURRENTLY of an index has left: invalid copies, named after it (cut where the name is long).
-- $1 text: schema, $2 text: table, $3 text: index
SELECT c.relname AS name
  FROM pg_catalog.pg_class AS t
  JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
  JOIN pg_catalog.pg_index AS i ON i.indrelid = t.oid
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
 CROSS JOIN LATERAL (SELECT pg_catalog.regexp_replace(c.relname::text, '_cc(new|old)[0-9]*$', '') AS stem) AS s
 WHERE n.nspname = $1 AND t.relname = $2 AND NOT i.indisvalid AND s.stem <> c.relname::text
   AND pg_catalog.starts_with($3::text, s.stem)
   AND (s.stem = $3::text OR pg_catalog.octet_length(c.relname::text) >= 60)
 ORDER BY c.relname
