-- A slot of ours in this database, its publication, and the table that it publishes.
-- $1 text: name of both, $2 oid: the table
SELECT s.slot_name IS NOT NULL AS is_there, s.active_pid, coalesce(s.wal_status, '') AS wal_status,
       s.confirmed_flush_lsn IS NOT NULL AS is_complete,
       coalesce(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.confirmed_flush_lsn), 0)::bigint AS behind_bytes,
       coalesce(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn), 0)::bigint AS kept_bytes,
       pg_catalog.current_setting('max_slot_wal_keep_size') AS keep_size,
       coalesce(p.is_whole, false) AS is_published, coalesce(p.mark, '') AS publication_mark,
       -- By columns: REINDEX CONCURRENTLY makes another index of them, which is the same identity.
       coalesce((SELECT pg_catalog.concat_ws(' ', c.relreplident,
                        (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ' ' ORDER BY a.attname)
                           FROM pg_catalog.pg_index AS i
                           JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
                            AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
                          WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
                            AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END))
                   FROM pg_catalog.pg_class AS c
                  WHERE c.oid = $2::oid), '') AS identity_mark,
       -- Above 0, commits of the application may wait for what we confirm.
       coalesce((SELECT r.sync_priority FROM pg_catalog.pg_stat_replication AS r WHERE r.pid = s.active_pid), 0) AS sync_priority
  FROM (VALUES (1)) AS one
  LEFT JOIN pg_catalog.pg_replication_slots AS s ON s.slot_name = $1 AND s.database = pg_catalog.current_database()
  LEFT JOIN LATERAL (
       SELECT b.pubinsert AND b.pubupdate AND b.pubdelete AND b.pubtruncate AND pg_catalog.to_jsonb(r) ->> 'prqual' IS NULL AS is_whole,
              pg_catalog.concat_ws(' ', b.oid, b.xmin, r.oid, r.xmin) AS mark
         FROM pg_catalog.pg_publication AS b
         JOIN pg_catalog.pg_publication_rel AS r ON r.prpubid = b.oid
        WHERE b.pubname = $1 AND r.prrelid = $2::oid) AS p ON true
