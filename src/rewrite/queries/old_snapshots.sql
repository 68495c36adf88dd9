-- Sessions that may hold a snapshot from before a moment: what they find in a table that was filled since is not what they should. A
-- READ COMMITTED session between two statements holds none (backend_xmin is NULL). The times of other roles' sessions may be hidden;
-- then the snapshot's xmin has to do.
-- $1 text: the moment, $2 xid: a transaction of that moment, $3 bigint: the migration, whose own sessions do not count; $4 boolean: we hold the lock,
-- so whoever waits for one may wait for us
SELECT a.pid, a.usename, a.application_name, a.state,
       pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - a.xact_start) AS age_s, pg_catalog.left(a.query, 200) AS query
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.datname = pg_catalog.current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_catalog.pg_backend_pid()
   AND a.backend_xmin IS NOT NULL AND pg_catalog.age(a.backend_xmin) > pg_catalog.age($2::pg_catalog.xid)
   AND (a.xact_start IS NULL OR a.xact_start <= $1::timestamptz)
   AND NOT ($4::boolean AND a.wait_event_type IS NOT DISTINCT FROM 'Lock')
   AND NOT EXISTS (SELECT FROM pgseam.runner AS r WHERE r.migration_id = $3::bigint AND a.pid = ANY (r.backends))
 ORDER BY a.xact_start NULLS FIRST
 LIMIT 5
