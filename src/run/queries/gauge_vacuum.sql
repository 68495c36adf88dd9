-- A vacuum of the table or of one of its partitions. Who may not read other roles' statistics sees an autovacuum by its lock and
-- its lack of a role.
-- $1 text: quoted qualified name
WITH RECURSIVE tree AS (
    SELECT pg_catalog.to_regclass($1)::oid AS relid
    UNION
    SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits AS i ON i.inhparent = tree.relid
)
SELECT a.pid, n.nspname AS schema, c.relname AS name, v.heap_blks_scanned, v.heap_blks_total
  FROM tree
  JOIN pg_catalog.pg_class AS c ON c.oid = tree.relid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_locks AS l ON l.locktype = 'relation' AND l.relation = tree.relid AND l.granted AND l.mode = 'ShareUpdateExclusiveLock'
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
  LEFT JOIN pg_catalog.pg_stat_progress_vacuum AS v ON v.pid = a.pid AND v.relid = tree.relid
 WHERE a.usesysid IS NULL OR v.relid IS NOT NULL
 LIMIT 1
