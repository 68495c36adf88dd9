-- The slot that keeps the most WAL. One that is lost keeps none.
SELECT s.slot_name, s.active, s.wal_status, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::bigint AS bytes
  FROM pg_catalog.pg_replication_slots AS s
 WHERE s.restart_lsn IS NOT NULL AND s.wal_status IS DISTINCT FROM 'lost'
 ORDER BY (s.wal_status = 'unreserved') DESC, bytes DESC
 LIMIT 1
