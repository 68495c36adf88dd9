-- Who has a lock on a table that keeps SHARE ROW EXCLUSIVE out, in words ('' for nobody); who has read it and waits to write; and whether
-- our own session waits for that lock.
-- $1 oid of the table, $2 int: pid of the session that waits, $3 int: pid of the one that it waits for
SELECT coalesce(bool_or(l.pid = $2::int AND NOT l.granted), false) AS is_queued,
       coalesce(string_agg(coalesce('pid ' || l.pid, 'a prepared transaction') || ' holds ' || l.mode, ', ')
                FILTER (WHERE l.granted AND l.pid IS DISTINCT FROM $3::int
                          AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'SIReadLock')), '') AS writers,
       coalesce(string_agg('pid ' || l.pid || ' has read and waits for ' || l.mode, ', ')
                FILTER (WHERE NOT l.granted AND l.pid = ANY (l.holders)), '') AS stuck
  FROM (SELECT k.pid, k.mode, k.granted, array_agg(k.pid) FILTER (WHERE k.granted) OVER () AS holders
          FROM pg_catalog.pg_locks AS k
         WHERE k.locktype = 'relation' AND k.relation = $1::oid
           AND k.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = pg_catalog.current_database())) AS l
