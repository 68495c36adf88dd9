-- All partitions below a table, and where it is one itself, its parent and that one's default partition.
-- $1 oid: the table
WITH RECURSIVE below AS (
    SELECT i.inhrelid AS oid FROM pg_catalog.pg_inherits AS i
      JOIN pg_catalog.pg_class AS p ON p.oid = i.inhparent AND p.relkind = 'p' WHERE i.inhparent = $1::oid
    UNION
    SELECT i.inhrelid FROM below AS b JOIN pg_catalog.pg_inherits AS i ON i.inhparent = b.oid)
SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, l.is_below,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_owned
  FROM (SELECT oid, true AS is_below FROM below
        UNION ALL
        SELECT u.oid, false
          FROM pg_catalog.pg_class AS t
          JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = t.oid
          LEFT JOIN pg_catalog.pg_partitioned_table AS d ON d.partrelid = i.inhparent
          CROSS JOIN LATERAL (VALUES (i.inhparent), (nullif(d.partdefid, 0))) AS u(oid)
         WHERE t.oid = $1::oid AND t.relispartition AND u.oid IS NOT NULL AND u.oid <> t.oid) AS l
  JOIN pg_catalog.pg_class AS c ON c.oid = l.oid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f')
 ORDER BY 1, 2
