-- The indexes of a table, with the names of their key columns (NULL where a key is an expression).
-- $1 oid
SELECT c.relname AS name, pg_catalog.pg_get_indexdef(i.indexrelid) AS definition,
       (SELECT k.conname FROM pg_catalog.pg_constraint AS k
         WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x') AND k.conrelid = i.indrelid) AS constraint_name,
       CASE WHEN i.indexprs IS NULL THEN
           (SELECT pg_catalog.array_agg(a.attname ORDER BY p.place)
              FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS p(number, place)
              JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = p.number
             WHERE p.place <= i.indnkeyatts) END::text[] AS columns,
       i.indisunique AS is_unique, i.indisprimary AS is_primary,
       i.indisvalid AND i.indisready AND i.indislive AS is_valid,
       i.indpred IS NOT NULL AS is_partial, i.indimmediate AS is_immediate, i.indisreplident AS is_replica_identity
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
 WHERE i.indrelid = $1::oid
 ORDER BY c.relname
