-- Nothing is returned if the migration is no longer at the gate.
-- $1 bigint: migration, $2 text: side, $3 bigint: for how long it has been quiet, in milliseconds
INSERT INTO pgseam.version_watch (migration_id, side, quiet_ms, looked_at)
SELECT m.id, $2::text, $3::bigint, pg_catalog.clock_timestamp()
  FROM pgseam.migration AS m
 WHERE m.id = $1::bigint AND m.stage = 'gate'
    ON CONFLICT (migration_id, side) DO UPDATE SET quiet_ms = excluded.quiet_ms, looked_at = excluded.looked_at
