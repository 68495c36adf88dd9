-- Raise our own fencing token after a lost connection: what the lost session still may be doing is fenced, too. No row: the
-- migration has been taken over.
-- $1 bigint: migration, $2 bigint: our token
UPDATE pgseam.fence SET token = token + 1 WHERE migration_id = $1::bigint AND token = $2::bigint RETURNING token
