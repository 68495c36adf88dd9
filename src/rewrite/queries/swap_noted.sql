-- The cut-over, in its own transaction.
-- $1 bigint: migration, $2 name of the rewrite, $3 text[]: statements that prove the foreign keys again, $4 text[]: statements of the way back;
-- $5 text[]: pairs: what the way back would say of an expression, and how it was worded at first
UPDATE pgseam.rewrite SET unproven = $3::text[], undo = $4::text[], wordings = $5::text[], changed_at = pg_catalog.clock_timestamp()
 WHERE migration_id = $1::bigint AND name = $2
