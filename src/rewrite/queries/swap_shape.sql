-- $1 bigint: migration, $2 name of the rewrite, $3 text[]: the source's lines, $4 text[]: the shadow's
UPDATE pgseam.rewrite SET shape = $3::text[], shadow_shape = $4::text[], changed_at = pg_catalog.clock_timestamp()
 WHERE migration_id = $1::bigint AND name = $2
