-- Who waits for a lock on one of the relations, except us.
-- $1 text[]: quoted qualified names, $2 int: our own pid
SELECT count(*) AS waiting,
       coalesce((extract(epoch FROM max(pg_catalog.clock_timestamp() - l.waitstart)) * 1000)::bigint, 0) AS longest_ms
  FROM pg_catalog.unnest($1::text[]) AS r(name)
  JOIN pg_catalog.pg_locks AS l ON l.locktype = 'relation' AND l.relation = pg_catalog.to_regclass(r.name)
 WHERE NOT l.granted AND l.pid IS DISTINCT FROM $2::int
