-- The constraints of a table and the foreign keys of other tables that reference it. Not-null constraints, which are rows of
-- pg_constraint from 18 on, are facts of their columns.
-- $1 oid
SELECT k.conname AS name, k.contype AS kind, pg_catalog.pg_get_constraintdef(k.oid) AS definition,
       k.convalidated AS is_valid, false AS is_inbound, k.conparentid <> 0 OR k.coninhcount > 0 AS is_clone,
       (SELECT pg_catalog.array_agg(a.attname ORDER BY p.place)
          FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS p(number, place)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.number)::text[] AS columns,
       n.nspname AS other_schema, o.relname AS other_table, o.relkind AS other_kind,
       o.relpersistence AS other_persistence, pg_catalog.pg_has_role(o.relowner, 'USAGE') AS other_is_owned,
       -- Of the columns at the other end of a foreign key.
       (SELECT pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY p.place)
          FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS p(number, place)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = p.number) AS other_types,
       (SELECT i.relname FROM pg_catalog.pg_class AS i WHERE i.oid = k.conindid) AS index,
       pg_catalog.obj_description(k.oid, 'pg_constraint') AS comment
  FROM pg_catalog.pg_constraint AS k
  LEFT JOIN pg_catalog.pg_class AS o ON o.oid = k.confrelid
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = o.relnamespace
 WHERE k.conrelid = $1::oid AND k.contype <> 'n'
UNION ALL
SELECT k.conname, k.contype, pg_catalog.pg_get_constraintdef(k.oid), k.convalidated, true, k.conparentid <> 0,
       (SELECT pg_catalog.array_agg(a.attname ORDER BY p.place)
          FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS p(number, place)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = p.number)::text[],
       n.nspname, o.relname, o.relkind, o.relpersistence, pg_catalog.pg_has_role(o.relowner, 'USAGE'),
       (SELECT pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY p.place)
          FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS p(number, place)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.number),
       (SELECT i.relname FROM pg_catalog.pg_class AS i WHERE i.oid = k.conindid), NULL
  FROM pg_catalog.pg_constraint AS k
  JOIN pg_catalog.pg_class AS o ON o.oid = k.conrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = o.relnamespace
 WHERE k.confrelid = $1::oid AND k.contype = 'f' AND k.conrelid <> k.confrelid
 ORDER BY 1, 2
