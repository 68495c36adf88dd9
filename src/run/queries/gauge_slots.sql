-- The slot that keeps the most WAL, or first one whose WAL the server will soon remove: less than a tenth of what it may keep is
-- left. One that is lost keeps none.
SELECT s.slot_name, s.active, s.bytes, s.is_ending, s.safe_wal_size
  FROM (SELECT r.slot_name, r.active, r.safe_wal_size,
               pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), r.restart_lsn)::bigint AS bytes,
               r.wal_status = 'unreserved' OR coalesce(r.safe_wal_size < k.setting::bigint * 1024 * 1024 / 10, false) AS is_ending
          FROM pg_catalog.pg_replication_slots AS r
          JOIN pg_catalog.pg_settings AS k ON k.name = 'max_slot_wal_keep_size'
         WHERE r.restart_lsn IS NOT NULL AND (r.wal_status = 'lost') IS NOT TRUE) AS s
 ORDER BY s.is_ending DESC, s.bytes DESC
 LIMIT 1
