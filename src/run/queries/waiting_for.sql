-- How long somebody has been waiting for us: for a row that we have changed (the first in a row's queue waits for our transaction), or
-- for one of our tables.
-- $1 int: our own pid
SELECT coalesce((extract(epoch FROM max(pg_catalog.clock_timestamp() - w.waitstart)) * 1000)::bigint, 0) AS longest_ms
  FROM pg_catalog.pg_locks AS w
 WHERE NOT w.granted AND w.locktype IN ('transactionid', 'tuple', 'relation')
   AND $1::int = ANY (pg_catalog.pg_blocking_pids(w.pid))
