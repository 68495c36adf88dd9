-- How a relation stands in a family of partitions or of inheritance.
-- $1 oid
SELECT c.relispartition AS is_partition, c.reloftype <> 0 AS is_typed,
       pn.nspname AS parent_schema, p.relname AS parent_name,
       pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound,
       CASE WHEN c.relispartition THEN pg_catalog.pg_get_partition_constraintdef(c.oid) END AS partition_constraint,
       CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key,
       k.partstrat AS strategy,
       -- The key's columns or, where it is one expression alone, that; NULL otherwise.
       CASE WHEN 0 <> ALL (k.partattrs::int2[]) THEN
           (SELECT pg_catalog.array_agg(pg_catalog.quote_ident(a.attname) ORDER BY n.place)
              FROM pg_catalog.unnest(k.partattrs::int2[]) WITH ORDINALITY AS n(number, place)
              JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = n.number)
            WHEN k.partnatts = 1 THEN ARRAY['(' || pg_catalog.pg_get_expr(k.partexprs, c.oid) || ')'] END::text[] AS key_parts,
       CASE WHEN 0 <> ALL (k.partattrs::int2[]) THEN
           (SELECT pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY n.place)
              FROM pg_catalog.unnest(k.partattrs::int2[]) WITH ORDINALITY AS n(number, place)
              JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = n.number) END::text[] AS key_types,
       c.relispopulated AS is_populated, dn.nspname AS default_schema, d.relname AS default_name
  FROM pg_catalog.pg_class AS c
  LEFT JOIN pg_catalog.pg_partitioned_table AS k ON k.partrelid = c.oid
  LEFT JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = c.oid AND h.inhseqno = 1
  LEFT JOIN pg_catalog.pg_class AS p ON p.oid = h.inhparent
  LEFT JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
  -- The default partition of the relation itself, or of the one that it is a partition of.
  LEFT JOIN pg_catalog.pg_partitioned_table AS s ON s.partrelid = CASE WHEN c.relkind = 'p' THEN c.oid ELSE h.inhparent END
  LEFT JOIN pg_catalog.pg_class AS d ON d.oid = s.partdefid
  LEFT JOIN pg_catalog.pg_namespace AS dn ON dn.oid = d.relnamespace
 WHERE c.oid = $1::oid
