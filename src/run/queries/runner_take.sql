-- Raise the fencing token, if it still is the one that was looked at, and write down who holds the new one: both at once, or
-- somebody would see the new token beside the old runner. Waits for writers that hold the token. No row: somebody else was faster.
-- $1 bigint: migration, $2 bigint: the token that was seen, $3 text: host, $4 int: pid, $5 text: command,
-- $6 int[]: sessions, control first
WITH raised AS (
    UPDATE pgseam.fence SET token = token + 1 WHERE migration_id = $1::bigint AND token = $2::bigint RETURNING token
)
INSERT INTO pgseam.runner AS r (migration_id, token, host, pid, command, control_pid, control_start, backends, backend_starts,
                                heartbeat)
SELECT $1::bigint, raised.token, $3, $4::int, $5, ($6::int[])[1],
       (SELECT a.backend_start FROM pg_catalog.pg_stat_activity AS a WHERE a.pid = ($6::int[])[1]),
       $6::int[],
       (SELECT pg_catalog.array_agg(a.backend_start ORDER BY b.place)
          FROM pg_catalog.unnest($6::int[]) WITH ORDINALITY AS b(pid, place)
          JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid),
       pg_catalog.clock_timestamp()
  FROM raised
    ON CONFLICT (migration_id) DO UPDATE
   SET token = excluded.token, host = excluded.host, pid = excluded.pid, command = excluded.command,
       control_pid = excluded.control_pid, control_start = excluded.control_start, backends = excluded.backends,
       backend_starts = excluded.backend_starts, heartbeat = excluded.heartbeat
RETURNING token
