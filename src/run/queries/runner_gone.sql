-- How many sessions of the recorded runner are still there.
-- The start of another role's session may be hidden from us; then the pid has to do.
-- $1 bigint: migration, $2 int[]: sessions that are ours now, $3 bigint: the newest token that is meant
SELECT count(*) AS left_over
  FROM pgseam.runner AS r
  CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(r.backends), pg_catalog.unnest(r.backend_starts)) AS b(pid, start)
  JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid AND (a.backend_start = b.start OR a.backend_start IS NULL)
 WHERE r.migration_id = $1::bigint AND a.pid <> ALL ($2::int[]) AND r.token <= $3::bigint
