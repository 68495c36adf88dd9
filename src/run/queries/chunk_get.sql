-- $1 bigint: migration, $2 int: step
SELECT cursor, high, cursor IS NULL AS no_cursor, high IS NULL AS no_high, rows_seen, rows_changed, batches, passes, pass_changed, is_done
  FROM pgseam.chunk
 WHERE migration_id = $1::bigint AND step_id = $2::int
