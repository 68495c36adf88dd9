-- $1 bigint: migration, $2 int: step, $3 text: status
UPDATE pgseam.step
   SET status = $3,
       began_at = CASE WHEN $3 = 'running' THEN pg_catalog.clock_timestamp() ELSE began_at END,
       ended_at = CASE WHEN $3 IN ('done', 'undone') THEN pg_catalog.clock_timestamp() END
 WHERE migration_id = $1::bigint AND id = $2::int
   -- A session that runs the migration carries its token; who merely looks after it (pause) has none.
   AND coalesce(nullif(pg_catalog.current_setting('pgseam.token', true), '')::bigint
                = (SELECT f.token FROM pgseam.fence AS f WHERE f.migration_id = $1::bigint), true)
