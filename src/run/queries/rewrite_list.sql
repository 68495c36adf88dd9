-- The rewrites of migrations, with how far their copies are. `copy_s` is the time of the copy: that of its step, or where pgseam
-- went on after a crash at least what its chunks took.
-- $1 text: name of the migration, NULL for all
SELECT r.migration_id, r.source_schema, r.source_table, r.phase, r.capture, r.capture_why, r.blocks, r.restarts,
       r.is_copied, r.is_indexed, r.is_verified, r.is_swapped, r.is_dropped, r.dirty_keys, r.keys_applied, r.swap_ms,
       greatest(r.rows_copied, k.rows) AS rows_copied, k.blocks_done,
       greatest(s.seconds, k.spent_ms / 1000.0 / coalesce(j.jobs, 4)) AS copy_s
  FROM pgseam.rewrite AS r
  JOIN pgseam.migration AS m ON m.id = r.migration_id
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(c.end_block - c.first_block), 0) AS blocks_done, coalesce(sum(c.rows), 0) AS rows,
              coalesce(sum(c.spent_ms), 0) AS spent_ms
         FROM pgseam.rewrite_chunk AS c WHERE c.migration_id = r.migration_id AND c.name = r.name) AS k
  LEFT JOIN LATERAL (
       SELECT extract(epoch FROM coalesce(p.ended_at, pg_catalog.clock_timestamp()) - p.began_at)::float8 AS seconds
         FROM pgseam.step AS p
        WHERE p.migration_id = r.migration_id AND p.kind = 'rewrite.copy'
          AND p.relation = pg_catalog.format('%I.%I', r.source_schema, r.source_table)
        LIMIT 1) AS s ON true
  LEFT JOIN LATERAL (
       SELECT v.value[1]::int AS jobs FROM pgseam.setting AS v
        WHERE v.migration_id = r.migration_id AND v.name = 'copy_jobs') AS j ON true
 WHERE $1::text IS NULL OR m.name = $1
 ORDER BY r.migration_id, r.name
