-- A state in the middle of a stage; at the gate it stays gated.
-- $1 bigint: migration, $2 text: state, $3 text: reason
UPDATE pgseam.migration
   SET state = CASE WHEN stage = 'gate' THEN 'gated' ELSE $2 END, reason = $3, changed_at = pg_catalog.clock_timestamp()
 WHERE id = $1::bigint
   -- A session that runs the migration carries its token; who merely looks after it (pause) has none.
   AND coalesce(nullif(pg_catalog.current_setting('pgseam.token', true), '')::bigint
                = (SELECT f.token FROM pgseam.fence AS f WHERE f.migration_id = $1::bigint), true)
