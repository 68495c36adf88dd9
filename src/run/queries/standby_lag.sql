-- On a standby: how far it is behind. Its last commit may be old only because nothing was committed since: seconds count while
-- it has not replayed what the primary had at the look before this one.
-- $1 pg_lsn: of the primary now, $2 pg_lsn: at the look before, or NULL, $3 timestamptz: the primary's time
SELECT greatest(pg_catalog.pg_wal_lsn_diff($1::pg_lsn, s.replayed), 0)::bigint AS bytes,
       CASE WHEN s.replayed < $2::pg_lsn
            THEN coalesce(extract(epoch FROM $3::timestamptz - pg_catalog.pg_last_xact_replay_timestamp()) * 1000, 0)::bigint
            ELSE 0 END AS ms,
       greatest(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_receive_lsn(), s.replayed), 0)::bigint AS received
  FROM (SELECT pg_catalog.pg_last_wal_replay_lsn() AS replayed) AS s
