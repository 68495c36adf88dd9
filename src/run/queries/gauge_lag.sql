-- What the primary knows of its standbys and subscribers, the furthest behind first. Seconds count only while something is left
-- to replay: the view keeps the last lag it measured.
SELECT r.state IS NULL AS is_hidden, r.pid, coalesce(nullif(r.application_name, ''), '?') || coalesce('@' || host(r.client_addr), '') AS who,
       coalesce(pg_catalog.pg_wal_lsn_diff(w.lsn, r.replay_lsn), 0)::bigint AS bytes,
       CASE WHEN r.replay_lsn < w.lsn THEN coalesce(pg_catalog.date_part('epoch', r.replay_lag) * 1000, 0)::bigint ELSE 0 END AS ms
  FROM pg_catalog.pg_stat_replication AS r
 CROSS JOIN (SELECT pg_catalog.pg_current_wal_lsn() AS lsn) AS w
 -- Our own reader of a slot is no standby: what it has not read yet, our own copy has written.
 WHERE r.application_name NOT LIKE 'pgseam/%' OR r.application_name IS NULL
 ORDER BY bytes DESC, ms DESC
