-- First in each transaction that writes: check and hold the token, and set what the transaction runs under.
-- $1 bigint: migration, $2 bigint: token, $3 text: search_path, $4 text: TimeZone, $5 text: milliseconds of silence allowed, $6 text: DateStyle,
-- of which the order of day and month counts: the output stays ISO; $7 text: lock_timeout, $8 text: statement_timeout of what follows
-- in the transaction, NULL: as they are
SELECT f.token, pg_catalog.set_config('search_path', $3, true), pg_catalog.set_config('TimeZone', $4, true),
       pg_catalog.set_config('DateStyle', 'ISO, ' || pg_catalog.split_part($6, ', ', 2), true),
       pg_catalog.set_config('synchronous_commit', 'local', true),
       pg_catalog.set_config('idle_in_transaction_session_timeout', $5, true),
       pg_catalog.set_config('lock_timeout', coalesce($7, pg_catalog.current_setting('lock_timeout')), true),
       pg_catalog.set_config('statement_timeout', coalesce($8, pg_catalog.current_setting('statement_timeout')), true)
  FROM pgseam.fence AS f
 WHERE f.migration_id = $1::bigint AND f.token = $2::bigint
   FOR SHARE
