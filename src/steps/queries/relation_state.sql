-- Whether a relation exists, and for an index whether it can be used.
-- $1 text: schema, $2 text: name, $3 text: for an index the table it must be on, else NULL
SELECT c.oid IS NOT NULL AS relation_exists,
       coalesce(i.indisvalid AND i.indisready AND i.indislive, true) AS is_valid
  FROM pg_catalog.pg_namespace AS n
  JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = $2
  LEFT JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid
 WHERE n.nspname = $1
   AND ($3::text IS NULL OR i.indrelid = (SELECT t.oid FROM pg_catalog.pg_class AS t
                                          WHERE t.relnamespace = n.oid AND t.relname = $3))
