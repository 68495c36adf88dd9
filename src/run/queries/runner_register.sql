-- Write down the new runner and its sessions.
-- $1 bigint: migration, $2 bigint: token, $3 text: host, $4 int: pid, $5 text: command, $6 int[]: backends, control first
INSERT INTO pgseam.runner AS r (migration_id, token, host, pid, command, control_pid, control_start, backends, backend_starts,
                                heartbeat)
SELECT $1::bigint, $2::bigint, $3, $4::int, $5, ($6::int[])[1],
       (SELECT a.backend_start FROM pg_catalog.pg_stat_activity AS a WHERE a.pid = ($6::int[])[1]),
       $6::int[],
       (SELECT pg_catalog.array_agg(a.backend_start ORDER BY b.place)
          FROM pg_catalog.unnest($6::int[]) WITH ORDINALITY AS b(pid, place)
          JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid),
       pg_catalog.clock_timestamp()
    ON CONFLICT (migration_id) DO UPDATE
   SET token = excluded.token, host = excluded.host, pid = excluded.pid, command = excluded.command,
       control_pid = excluded.control_pid, control_start = excluded.control_start, backends = excluded.backends,
       backend_starts = excluded.backend_starts, heartbeat = excluded.heartbeat
 WHERE r.token <= excluded.token
