-- Who was seen, with the sessions that are connected now; those seen last come first.
-- $1 bigint: migration, $2 timestamptz: from when on it is recent, or NULL, $3 bigint: and so many milliseconds before that
SELECT u.side, u.role, u.application_name, nullif(u.client_addr, '') AS client_addr, u.first_seen::text AS first_seen,
       u.last_seen::text AS last_seen, u.times, u.last_query,
       greatest((extract(epoch FROM pg_catalog.clock_timestamp() - u.last_seen) * 1000)::bigint, 0) AS ago_ms,
       coalesce(u.last_seen >= $2::timestamptz - $3::bigint * interval '1 millisecond', false) AS is_recent,
       EXISTS (SELECT FROM pgseam.version_use AS o
                WHERE o.migration_id = u.migration_id AND o.side <> u.side AND o.role = u.role AND o.application_name = u.application_name
                  AND o.client_addr = u.client_addr AND o.last_seen > u.last_seen) AS has_moved,
       ARRAY(SELECT a.pid::text FROM pg_catalog.pg_stat_activity AS a
              WHERE a.datname = pg_catalog.current_database() AND coalesce(a.backend_type, 'client backend') = 'client backend'
                AND a.leader_pid IS NULL
                AND a.usename = u.role AND a.application_name = u.application_name
                AND coalesce(pg_catalog.host(a.client_addr), '') = u.client_addr
              ORDER BY a.pid) AS pids
  FROM pgseam.version_use AS u
 WHERE u.migration_id = $1::bigint
 ORDER BY u.side DESC, u.last_seen DESC, u.role, u.application_name, u.client_addr
