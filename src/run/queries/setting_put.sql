-- $1 bigint: migration, $2 text: name, $3 text[]: value
INSERT INTO pgseam.setting (migration_id, name, value) VALUES ($1::bigint, $2, $3::text[])
    ON CONFLICT (migration_id, name) DO UPDATE SET value = excluded.value, changed_at = pg_catalog.now()
