-- What decides whether a table's changes can be read from the log.
-- $1 oid
SELECT pg_catalog.current_setting('wal_level') AS wal_level, pg_catalog.current_setting('synchronous_standby_names') AS sync_names,
       pg_catalog.current_setting('max_replication_slots')::int AS slots,
       (SELECT count(*) FROM pg_catalog.pg_replication_slots) AS used_slots,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_owner, c.relkind, c.relpersistence, c.relreplident AS identity,
       coalesce(i.columns, '{}') AS columns, coalesce(i.is_generated, false) AS is_generated,
       EXISTS (SELECT FROM pg_catalog.pg_index AS p WHERE p.indrelid = c.oid AND p.indisprimary AND NOT p.indimmediate) AS is_deferrable
  FROM pg_catalog.pg_class AS c
  -- The index of the replica identity as RelationGetIndexList() (src/backend/utils/cache/relcache.c) finds it.
  LEFT JOIN LATERAL (
       SELECT pg_catalog.array_agg(a.attname ORDER BY k.place) AS columns, pg_catalog.bool_or(a.attgenerated <> '') AS is_generated
         FROM pg_catalog.pg_index AS x
        CROSS JOIN LATERAL pg_catalog.unnest(x.indkey::int2[]) WITH ORDINALITY AS k(number, place)
         JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number
        WHERE x.indrelid = c.oid AND x.indisvalid AND x.indimmediate AND k.place <= x.indnkeyatts
          AND CASE c.relreplident WHEN 'd' THEN x.indisprimary WHEN 'i' THEN x.indisreplident ELSE false END) AS i ON true
 WHERE c.oid = $1::oid
