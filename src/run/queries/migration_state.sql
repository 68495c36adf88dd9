-- $1 bigint: migration, $2 text: state, $3 text: stage, $4 text: reason
UPDATE pgseam.migration SET state = $2, stage = $3, reason = $4, changed_at = pg_catalog.clock_timestamp()
 WHERE id = $1::bigint
