-- What builds the indexes of a source on its shadow, and what then makes constraints of them. `early` may run beside others;
-- `late` runs alone, when all early ones are there. Either may be NULL.
-- $1 oid: source, $2 text: schema of the rewrite, $3 text[]: names that the shadow does not get
SELECT c.relname AS name, s.spcname AS tablespace,
       CASE WHEN NOT p.is_whole THEN
           pg_catalog.format('CREATE %sINDEX %I ON %I.%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' END, c.relname, $2::text, t.relname)
           || pg_catalog.substr(pg_catalog.pg_get_indexdef(i.indexrelid), pg_catalog.length(pg_catalog.format(
                  'CREATE %sINDEX %I ON %I.%I ', CASE WHEN i.indisunique THEN 'UNIQUE ' END, c.relname, n.nspname, t.relname)) + 1)
       END AS early,
       CASE WHEN p.is_whole THEN
           pg_catalog.format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', $2::text, t.relname, k.conname,
                             pg_catalog.pg_get_constraintdef(k.oid))
       WHEN k.oid IS NOT NULL THEN
           pg_catalog.format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s USING INDEX %I%s', $2::text, t.relname, k.conname,
                             CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END, c.relname,
                             CASE WHEN k.condeferred THEN ' DEFERRABLE INITIALLY DEFERRED' WHEN k.condeferrable THEN ' DEFERRABLE' END)
       END AS late
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
  LEFT JOIN pg_catalog.pg_tablespace AS s ON s.oid = c.reltablespace
  LEFT JOIN pg_catalog.pg_constraint AS k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
 -- A constraint that no index alone can become: EXCLUDE, and from 18 on WITHOUT OVERLAPS.
 CROSS JOIN LATERAL (
       SELECT k.oid IS NOT NULL AND (k.contype = 'x' OR coalesce((pg_catalog.to_jsonb(k) ->> 'conperiod')::boolean, false)) AS is_whole
       ) AS p
 WHERE i.indrelid = $1::oid AND i.indisvalid AND i.indisready AND i.indislive AND c.relname <> ALL ($3::text[])
 ORDER BY c.relpages DESC, c.relname
