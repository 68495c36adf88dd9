-- Resolve one name under the search_path that is set.
-- $1 text: the quoted name as written in the file
SELECT coalesce(i.indrelid, c.oid)::bigint AS oid
  FROM pg_catalog.pg_class AS c
  LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
 WHERE c.oid = pg_catalog.to_regclass($1)
