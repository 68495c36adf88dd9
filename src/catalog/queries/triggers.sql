-- The user's triggers of a table.
-- $1 oid
SELECT t.tgname AS name, t.tgenabled AS state,
       -- TRIGGER_TYPE_UPDATE of src/include/catalog/pg_trigger.h; UPDATE OF other columns does not fire for a new one.
       (t.tgtype & 16) <> 0 AND t.tgattr = '' AND t.tgenabled IN ('O', 'A') AS fires_on_update
  FROM pg_catalog.pg_trigger AS t
 WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal
 ORDER BY t.tgname
