-- $1 bigint: migration, $2 text: state, $3 text: stage, $4 text: reason
UPDATE pgseam.migration SET state = $2, stage = $3, reason = $4, changed_at = pg_catalog.clock_timestamp()
 WHERE id = $1::bigint
   -- A session that runs the migration carries its token; who merely looks after it (pause) has none.
   AND coalesce(nullif(pg_catalog.current_setting('pgseam.token', true), '')::bigint
                = (SELECT f.token FROM pgseam.fence AS f WHERE f.migration_id = $1::bigint), true)
