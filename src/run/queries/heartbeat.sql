-- $1 bigint: migration, $2 bigint: token
UPDATE pgseam.runner SET heartbeat = pg_catalog.clock_timestamp()
 WHERE migration_id = $1::bigint AND token = $2::bigint
