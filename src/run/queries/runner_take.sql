-- Raise the fencing token. Waits for writers that hold the old one.
-- $1 bigint: migration
UPDATE pgseam.fence SET token = token + 1 WHERE migration_id = $1::bigint RETURNING token
