-- All partitions or inheritance children of a relation, at any depth; parents before their children, in PostgreSQL's own order
-- of names.
-- $1 oid
WITH RECURSIVE family AS (
    SELECT h.inhrelid AS oid, h.inhparent AS parent, 1 AS depth
      FROM pg_catalog.pg_inherits AS h WHERE h.inhparent = $1::oid
    UNION ALL
    SELECT h.inhrelid, h.inhparent, f.depth + 1
      FROM family AS f JOIN pg_catalog.pg_inherits AS h ON h.inhparent = f.oid
)
SELECT DISTINCT ON (f.depth, n.nspname, c.relname)
       c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind,
       pn.nspname AS parent_schema, p.relname AS parent_name,
       NOT EXISTS (SELECT FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = c.oid) AND c.relkind <> 'p' AS is_leaf,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_owned,
       coalesce(pg_catalog.pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT', false) AS is_default,
       pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound,
       CASE WHEN c.relispartition THEN pg_catalog.pg_get_partition_constraintdef(c.oid) END AS partition_constraint,
       f.depth, greatest(c.reltuples, 0)::double precision AS rows,
       c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint AS bytes
  FROM family AS f
  JOIN pg_catalog.pg_class AS c ON c.oid = f.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_class AS p ON p.oid = f.parent
  JOIN pg_catalog.pg_namespace AS pn ON pn.oid = p.relnamespace
 ORDER BY f.depth, n.nspname, c.relname
