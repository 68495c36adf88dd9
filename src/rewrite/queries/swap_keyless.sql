-- Foreign keys that refer to columns of the source for which the shadow has no unique index.
-- $1 oid of the source, $2 oid of the shadow
WITH k AS (
    SELECT f.conname, f.conrelid::pg_catalog.regclass::text AS child,
           (SELECT pg_catalog.array_agg(a.attname ORDER BY a.attname) FROM pg_catalog.pg_attribute AS a
             WHERE a.attrelid = $1::oid AND a.attnum = ANY (f.confkey)) AS columns
      FROM pg_catalog.pg_constraint AS f WHERE f.confrelid = $1::oid AND f.contype = 'f' AND f.conparentid = 0
)
SELECT k.conname, k.child, pg_catalog.array_to_string(k.columns, ', ') AS columns
  FROM k
 WHERE NOT EXISTS (
       SELECT FROM pg_catalog.pg_index AS i
        WHERE i.indrelid = $2::oid AND (i.indisunique OR i.indisexclusion) AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
          AND k.columns = (SELECT pg_catalog.array_agg(a.attname ORDER BY a.attname)
                             FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) AS n
                             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = $2::oid AND a.attnum = i.indkey[n]))
 ORDER BY 1
