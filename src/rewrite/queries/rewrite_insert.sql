-- Intent: before anything of a rewrite exists.
-- $1 bigint: migration, $2 text: its schema, $3 text, $4 text: the source, $5 oid
INSERT INTO pgseam.rewrite (migration_id, name, source_schema, source_table, source_oid)
SELECT $1::bigint, $2, $3, $4, $5::oid
  FROM pgseam.fence AS f
 WHERE f.migration_id = $1::bigint AND f.token = pg_catalog.current_setting('pgseam.token')::bigint
    ON CONFLICT (migration_id, name) DO NOTHING
