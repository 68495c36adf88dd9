-- Who is in the way: holders of conflicting locks, and whoever keeps one session from going on.
-- $1 text[]: quoted qualified names of relations, $2 text[]: beside each a mode that conflicts, as pg_locks spells it,
-- $3 int: our own pid, whose locks do not count, $4 int: the session that waits, or NULL
WITH held AS (
    SELECT l.pid, l.virtualtransaction AS vxid, l.mode, l.relation
      FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::text[])) AS r(name, mode)
      JOIN pg_catalog.pg_locks AS l ON l.locktype = 'relation' AND l.relation = pg_catalog.to_regclass(r.name) AND l.mode = r.mode
       AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())
     WHERE l.granted AND l.pid IS DISTINCT FROM $3::int
    UNION
    SELECT nullif(b.pid, 0),
           (SELECT l.virtualtransaction FROM pg_catalog.pg_locks AS l WHERE l.pid = b.pid AND l.locktype = 'virtualxid' AND l.granted LIMIT 1),
           NULL, NULL
      FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($4::int)) AS b(pid)
)
SELECT coalesce(h.pid, 0) AS pid,
       CASE WHEN h.pid IS NULL THEN 'prepared transaction ' || coalesce(x.gids, '?')
            ELSE coalesce(a.usename, a.backend_type, '?') || coalesce('@' || host(a.client_addr), '')
                 || CASE WHEN a.application_name <> '' THEN ' (' || a.application_name || ')' ELSE '' END END AS who,
       CASE WHEN h.pid IS NULL THEN 'prepared' WHEN a.backend_type = 'autovacuum worker' THEN 'autovacuum'
            ELSE coalesce(a.state, 'unknown') END AS state,
       CASE WHEN h.pid IS NULL THEN 'prepared'
            WHEN a.backend_type = 'autovacuum worker' AND a.query LIKE '%(to prevent wraparound)%' THEN 'wraparound'
            -- Roles that may not read other roles' statistics see a worker only as a session without a role.
            WHEN a.backend_type = 'autovacuum worker' OR (a.pid IS NOT NULL AND a.usesysid IS NULL) THEN 'autovacuum'
            WHEN a.state LIKE 'idle in transaction%' THEN 'idle-in-transaction'
            WHEN a.state IN ('active', 'fastpath function call') THEN 'active'
            ELSE 'other' END AS kind,
       pg_catalog.to_char(coalesce(a.xact_start, x.prepared), 'HH24:MI:SS') AS since,
       pg_catalog.to_char(a.query_start, 'YYYY-MM-DD HH24:MI:SS') AS query_start,
       coalesce((extract(epoch FROM pg_catalog.clock_timestamp() - coalesce(a.xact_start, x.prepared)) * 1000)::bigint, 0) AS age_ms,
       coalesce(h.vxid, 'pid ' || h.pid, 'prepared') AS vxid, a.backend_start::text AS backend_start, h.mode,
       n.nspname AS schema, c.relname AS name, pg_catalog."left"(a.query, 100) AS query,
       -- Why we may not signal it (src/backend/storage/ipc/signalfuncs.c, pg_signal_backend); NULL: we may.
       CASE WHEN h.pid IS NULL THEN 'it has no session'
            WHEN a.application_name LIKE 'pgseam/%' THEN 'it is a session of pgseam'
            WHEN me.rolsuper THEN NULL
            WHEN a.usesysid IS NULL AND EXISTS (SELECT FROM pg_catalog.pg_roles AS s WHERE s.rolname = 'pg_signal_autovacuum_worker'
                                                   AND pg_catalog.pg_has_role(s.oid, 'USAGE')) THEN NULL
            WHEN a.usesysid IS NULL THEN 'only a superuser may signal an autovacuum'
            WHEN r.rolsuper THEN 'it belongs to a superuser'
            WHEN pg_catalog.pg_has_role(a.usesysid, 'USAGE') OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE') THEN NULL
            ELSE 'role ' || pg_catalog.quote_ident(me.rolname) || ' is a member neither of ' || pg_catalog.quote_ident(a.usename)
                 || ' nor of pg_signal_backend' END AS may_not
  FROM held AS h
  JOIN pg_catalog.pg_roles AS me ON me.rolname = current_user
  LEFT JOIN pg_catalog.pg_class AS c ON c.oid = h.relation
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = h.pid
  LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = a.usesysid
  -- A prepared transaction has no pid; its locks share a virtual transaction, one of them is that on its own xid.
  LEFT JOIN LATERAL (
       SELECT pg_catalog.string_agg('''' || p.gid || '''', ' or ' ORDER BY p.prepared) AS gids, min(p.prepared) AS prepared
         FROM pg_catalog.pg_prepared_xacts AS p
        WHERE h.pid IS NULL AND p.database = pg_catalog.current_database()
          AND (h.vxid IS NULL OR EXISTS (SELECT FROM pg_catalog.pg_locks AS i
                                          WHERE i.pid IS NULL AND i.locktype = 'transactionid' AND i.transactionid = p.transaction
                                            AND i.virtualtransaction = h.vxid))) AS x ON true
 -- What replays the primary's locks on a standby is not in the way of them.
 WHERE NOT (pg_catalog.pg_is_in_recovery() AND (h.pid IS NULL OR a.usesysid IS NULL))
 ORDER BY age_ms DESC, pid
