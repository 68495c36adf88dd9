-- The user's triggers of a table.
-- $1 oid
SELECT t.tgname AS name, t.tgenabled AS state
  FROM pg_catalog.pg_trigger AS t
 WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal
 ORDER BY t.tgname
