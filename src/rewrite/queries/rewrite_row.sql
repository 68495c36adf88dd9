-- What the journal knows of a rewrite, and which tables now have its names.
-- $1 bigint: migration, $2 text: its schema, $3 text: the application's table, quoted; $4 text: the one in the rewrite's schema, quoted
SELECT r.source_oid, r.shadow_oid, r.filenode, r.blocks, r.capture, r.slot, r.is_capturing, r.is_copied, r.is_indexed, r.is_verified,
       r.is_swapped, r.is_dropped, r.restarts, r.rows_copied, r.keys_applied, r.name IS NOT NULL AS is_known,
       pg_catalog.to_regclass($3)::oid AS live_oid, pg_catalog.to_regclass($4)::oid AS own_oid
  FROM (VALUES (1)) AS one
  LEFT JOIN pgseam.rewrite AS r ON r.migration_id = $1::bigint AND r.name = $2
