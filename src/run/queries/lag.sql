-- The largest replay lag of a standby in bytes; NULL without standbys, or where we may not see them.
SELECT max(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), r.replay_lsn))::bigint AS bytes
  FROM pg_catalog.pg_stat_replication AS r
 WHERE r.replay_lsn IS NOT NULL
