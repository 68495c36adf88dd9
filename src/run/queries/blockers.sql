-- Holders of conflicting locks.
-- $1 text[]: quoted qualified names of relations, $2 text[]: conflicting modes as pg_locks spells them, $3 int: our own pid
SELECT coalesce(l.pid, 0) AS pid,
       CASE WHEN l.pid IS NULL THEN 'prepared transaction ''' || coalesce(x.gid, '?') || ''''
            ELSE coalesce(a.usename, a.backend_type, '?') || coalesce('@' || host(a.client_addr), '')
                 || CASE WHEN a.application_name <> '' THEN ' (' || a.application_name || ')' ELSE '' END END AS who,
       CASE WHEN l.pid IS NULL THEN 'prepared' WHEN a.backend_type = 'autovacuum worker' THEN 'autovacuum'
            ELSE coalesce(a.state, 'unknown') END AS state,
       pg_catalog.to_char(coalesce(a.xact_start, x.prepared), 'HH24:MI:SS') AS since,
       coalesce((extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(a.xact_start, x.prepared)) * 1000)::bigint, 0) AS age_ms,
       l.virtualtransaction AS vxid, l.mode, n.nspname AS schema, c.relname AS name, pg_catalog."left"(a.query, 100) AS query,
       -- Roles that may not read other roles' statistics see a worker only as a session without a role.
       coalesce(a.backend_type = 'autovacuum worker', a.pid IS NOT NULL AND a.usesysid IS NULL) AS is_autovacuum,
       coalesce(a.backend_type = 'autovacuum worker' AND a.query LIKE '%(to prevent wraparound)%', false) AS is_wraparound
  FROM pg_catalog.unnest($1::text[]) AS r(name)
  JOIN pg_catalog.pg_locks AS l ON l.locktype = 'relation' AND l.relation = pg_catalog.to_regclass(r.name)
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
  JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
  -- A prepared transaction has no pid; its locks share a virtual transaction, one of them is that on its own xid.
  LEFT JOIN LATERAL (
       SELECT p.gid, p.prepared
         FROM pg_catalog.pg_locks AS i
         JOIN pg_catalog.pg_prepared_xacts AS p ON p.transaction = i.transactionid
        WHERE l.pid IS NULL AND i.pid IS NULL AND i.locktype = 'transactionid'
          AND i.virtualtransaction = l.virtualtransaction
        LIMIT 1) AS x ON true
 WHERE l.granted AND l.mode = ANY ($2::text[]) AND l.pid IS DISTINCT FROM $3::int
 ORDER BY age_ms DESC, pid
