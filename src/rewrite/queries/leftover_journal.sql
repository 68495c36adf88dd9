-- Rewrites that the journal knows, the newest first, with what became of their migrations. `is_at_home`: the table that was to be
-- rewritten still is the one under its name, so whatever else there is cannot be the only copy of its rows.
SELECT r.name, r.slot, m.name AS migration, m.state, m.state IN ('complete', 'rolled_back') AS is_over,
       coalesce(r.shadow_oid, 0)::bigint AS shadow_oid, r.source_oid::bigint AS source_oid,
       pg_catalog.format('%I.%I', r.source_schema, r.source_table) AS source,
       coalesce(pg_catalog.to_regclass(pg_catalog.format('%I.%I', r.source_schema, r.source_table)) = r.source_oid, false) AS is_at_home
  FROM pgseam.rewrite AS r
  JOIN pgseam.migration AS m ON m.id = r.migration_id
 ORDER BY m.id DESC
