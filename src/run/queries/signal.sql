-- Signal a session, but only the one that was seen, and only in the transaction in which it was seen.
-- $1 int: pid, $2 text: backend_start, NULL where we may not see it, $3 text: virtual transaction, $4 boolean: terminate, else cancel
SELECT CASE WHEN $4::boolean THEN pg_catalog.pg_terminate_backend(a.pid) ELSE pg_catalog.pg_cancel_backend(a.pid) END AS sent
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.pid = $1::int AND a.backend_start IS NOT DISTINCT FROM $2::timestamptz AND a.application_name NOT LIKE 'pgseam/%'
   AND EXISTS (SELECT FROM pg_catalog.pg_locks AS l WHERE l.pid = a.pid AND l.virtualtransaction = $3)
