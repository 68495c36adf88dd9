-- How long somebody has been waiting for one of our rows: the first in a row's queue waits for our transaction.
-- $1 int: our own pid
SELECT coalesce((extract(epoch FROM max(pg_catalog.clock_timestamp() - w.waitstart)) * 1000)::bigint, 0) AS longest_ms
  FROM pg_catalog.pg_locks AS h
  JOIN pg_catalog.pg_locks AS w ON w.locktype = 'transactionid' AND w.transactionid = h.transactionid AND NOT w.granted
 WHERE h.locktype = 'transactionid' AND h.granted AND h.pid = $1::int
