-- Who runs a migration, and whether it still does.
-- $1 bigint: migration
SELECT f.token AS fence_token, r.migration_id IS NOT NULL AS is_recorded, r.host, r.pid, r.command, r.control_pid, r.heartbeat::text AS heartbeat,
       extract(epoch FROM pg_catalog.clock_timestamp() - r.heartbeat)::double precision AS silent_s,
       EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a
                WHERE a.pid = r.control_pid AND a.datname = pg_catalog.current_database()
                  AND (a.backend_start = r.control_start OR a.backend_start IS NULL)) AS is_alive
  FROM pgseam.fence AS f
  LEFT JOIN pgseam.runner AS r ON r.migration_id = f.migration_id
 WHERE f.migration_id = $1::bigint
