-- One relation.
-- $1 oid
SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, c.relkind AS kind, c.relpersistence AS persistence,
       pg_catalog.pg_get_userbyid(c.relowner) AS owner,
       pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_owned,
       EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = c.oid) OR c.reloftype <> 0 AS is_derived,
       c.relhassubclass AND EXISTS (SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhparent = c.oid) AS has_children,
       c.relhasrules AND c.relkind IN ('r', 'p') AND EXISTS (SELECT FROM pg_catalog.pg_rewrite AS w WHERE w.ev_class = c.oid) AS has_rules,
       c.relreplident AS replica_identity, c.relrowsecurity AS has_row_security, c.relforcerowsecurity AS forces_row_security,
       coalesce(c.reloptions, '{}') || coalesce((SELECT pg_catalog.array_agg('toast.' || o)
                                                   FROM pg_catalog.pg_class AS t, pg_catalog.unnest(t.reloptions) AS o
                                                  WHERE t.oid = c.reltoastrelid), '{}') AS options,
       c.relkind = 'r' AND pg_catalog.pg_relation_size(c.oid) = 0 AS is_empty,
       greatest(c.reltuples, 0)::double precision AS rows, c.reltuples >= 0 AS is_analyzed,
       coalesce(pg_catalog.pg_relation_size(c.oid) / pg_catalog.current_setting('block_size')::bigint, 0) AS pages,
       c.relpages::bigint * pg_catalog.current_setting('block_size')::bigint AS bytes,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_table_size(c.oid) END AS table_bytes,
       CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_indexes_size(c.oid) END AS index_bytes
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE c.oid = $1::oid
