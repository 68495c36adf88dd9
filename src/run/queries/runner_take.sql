-- Raise the fencing token, if it still is the one that was looked at. Waits for writers that hold it. No row: somebody else was
-- faster.
-- $1 bigint: migration, $2 bigint: the token that was seen
UPDATE pgseam.fence SET token = token + 1 WHERE migration_id = $1::bigint AND token = $2::bigint RETURNING token
