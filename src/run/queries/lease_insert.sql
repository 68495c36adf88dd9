-- Take a table; no row comes back if it belongs to another migration.
-- $1 text: relation, $2 bigint: migration
INSERT INTO pgseam.lease (relation, migration_id) VALUES ($1, $2::bigint)
    ON CONFLICT (relation) DO NOTHING
RETURNING relation
