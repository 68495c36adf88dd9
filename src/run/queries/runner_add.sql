-- One more session of the runner. Those that have ended are forgotten.
-- $1 bigint: migration, $2 bigint: token, $3 int: pid
UPDATE pgseam.runner AS r
   SET (backends, backend_starts) = (
       SELECT pg_catalog.array_agg(a.pid ORDER BY a.pid), pg_catalog.array_agg(a.backend_start ORDER BY a.pid)
         FROM pg_catalog.pg_stat_activity AS a
        WHERE a.pid = $3::int
           OR EXISTS (SELECT FROM ROWS FROM (pg_catalog.unnest(r.backends), pg_catalog.unnest(r.backend_starts)) AS b(pid, start)
                       WHERE b.pid = a.pid AND b.start IS NOT DISTINCT FROM a.backend_start))
 WHERE r.migration_id = $1::bigint AND r.token = $2::bigint
