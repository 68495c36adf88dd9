-- The names of all relations in the schemas of a family of partitions: indexes of partitions are named by PostgreSQL's rules.
-- $1 oid: the head of the family
WITH RECURSIVE family AS (
    SELECT $1::oid AS oid
    UNION
    SELECT h.inhrelid FROM family AS f JOIN pg_catalog.pg_inherits AS h ON h.inhparent = f.oid
)
SELECT n.nspname AS schema, c.relname AS name
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.oid IN (SELECT r.relnamespace FROM family AS f JOIN pg_catalog.pg_class AS r ON r.oid = f.oid)
