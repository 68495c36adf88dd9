-- Sessions that wait for a lock, and those that make them wait. No parameters.
WITH waiting AS (
    SELECT l.pid, pg_catalog.pg_blocking_pids(l.pid) AS blocked_by, l.locktype, l.mode, l.relation, l.waitstart
      FROM pg_catalog.pg_locks AS l
     WHERE NOT l.granted
       AND l.pid IN (SELECT pid FROM pg_catalog.pg_stat_activity WHERE datname = pg_catalog.current_database())
), involved AS (
    SELECT pid FROM waiting
    UNION
    SELECT pg_catalog.unnest(blocked_by) FROM waiting
)
SELECT i.pid,
       CASE WHEN i.pid = 0 THEN 'prepared transaction '
                 || (SELECT pg_catalog.string_agg('''' || p.gid || '''', ' or ' ORDER BY p.prepared)
                       FROM pg_catalog.pg_prepared_xacts AS p WHERE p.database = pg_catalog.current_database())
            ELSE coalesce(a.usename, a.backend_type, '?') || coalesce('@' || host(a.client_addr), '')
                 || CASE WHEN a.application_name <> '' THEN ' (' || a.application_name || ')' ELSE '' END END AS who,
       CASE WHEN i.pid = 0 THEN 'prepared' WHEN a.backend_type = 'autovacuum worker' THEN 'autovacuum'
            ELSE coalesce(a.state, 'unknown') END AS state,
       pg_catalog."left"(a.query, 200) AS query,
       w.mode,
       CASE WHEN w.relation IS NOT NULL THEN n.nspname END AS schema, c.relname AS name, w.locktype,
       coalesce((extract(epoch FROM pg_catalog.clock_timestamp() - w.waitstart) * 1000)::bigint, 0) AS waited_ms,
       coalesce((extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start) * 1000)::bigint, 0) AS transaction_ms,
       coalesce(w.blocked_by, '{}')::text[] AS blocked_by
  FROM involved AS i
  LEFT JOIN waiting AS w ON w.pid = i.pid
  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = i.pid
  LEFT JOIN pg_catalog.pg_class AS c ON c.oid = w.relation
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 ORDER BY w.pid IS NOT NULL, transaction_ms DESC, i.pid
