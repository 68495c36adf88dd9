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
       i.indpred IS NOT NULL AS is_partial, i.indimmediate AS is_immediate, i.indisreplident AS is_replica_identity,
       i.indisclustered AS is_clustered,
       i.indisexclusion AS is_exclusion,
       pn.nspname AS parent_schema, p.relname AS parent_name,
       -- What CompareIndexInfo() of src/backend/catalog/index.c looks at: two indexes with the same shape are the same to ATTACH.
       -- (The column that it does not know, before PostgreSQL 15, is NULL.)
       pg_catalog.concat_ws(' ', m.amname, i.indisunique, pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct', i.indnkeyatts,
           (SELECT pg_catalog.array_agg(pg_catalog.pg_get_indexdef(i.indexrelid, g.n, false) ORDER BY g.n)
              FROM pg_catalog.generate_series(1, i.indnatts) AS g(n)),
           i.indcollation, (SELECT pg_catalog.array_agg(o.opcfamily ORDER BY u.place)
                              FROM pg_catalog.unnest(i.indclass::oid[]) WITH ORDINALITY AS u(class, place)
                              JOIN pg_catalog.pg_opclass AS o ON o.oid = u.class),
           pg_catalog.pg_get_expr(i.indpred, i.indrelid)) AS shape,
       -- The attributes' own names, from which PostgreSQL makes the name of a partition's index.
       (SELECT pg_catalog.array_agg(a.attname ORDER BY a.attnum)
          FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = i.indexrelid AND a.attnum > 0)::text[] AS attributes,
       -- The definition from "USING" on: what comes after the table's name.
       pg_catalog.substr(pg_catalog.pg_get_indexdef(i.indexrelid), pg_catalog.length(pg_catalog.format(
           'CREATE %sINDEX %I ON %s%I.%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' END, c.relname,
           CASE WHEN c.relkind = 'I' THEN 'ONLY ' END, tn.nspname, t.relname)) + 1) AS tail
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_am AS m ON m.oid = c.relam
  JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
  LEFT JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = i.indexrelid
  LEFT JOIN pg_catalog.pg_class AS p ON p.oid = h.inhparent
  LEFT JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
 WHERE i.indrelid = $1::oid
 ORDER BY c.relname
