-- $1 bigint: migration
SELECT s.name, s.value FROM pgseam.setting AS s WHERE s.migration_id = $1::bigint ORDER BY s.name
