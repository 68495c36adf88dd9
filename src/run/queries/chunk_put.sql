-- $1 bigint: migration, $2 int: step, $3 text[]: cursor, $4 text[]: high, $5 bigint: rows seen, $6 bigint: rows changed,
-- $7 bigint: batches, one more than what is there (or nothing comes back: somebody else has moved the cursor), $8 int: passes, $9 bigint: rows changed in this pass, $10 boolean: done, $11 bigint: ms of this batch
INSERT INTO pgseam.chunk AS c (migration_id, step_id, cursor, high, rows_seen, rows_changed, batches, passes, pass_changed,
                               is_done, spent_ms)
VALUES ($1::bigint, $2::int, $3::text[], $4::text[], $5::bigint, $6::bigint, $7::bigint, $8::int, $9::bigint, $10::boolean,
        $11::bigint)
    ON CONFLICT (migration_id, step_id) DO UPDATE
   SET cursor = excluded.cursor, high = excluded.high, rows_seen = excluded.rows_seen, rows_changed = excluded.rows_changed,
       batches = excluded.batches, passes = excluded.passes, pass_changed = excluded.pass_changed,
       is_done = excluded.is_done, spent_ms = c.spent_ms + excluded.spent_ms
 WHERE c.batches = excluded.batches - 1
RETURNING c.batches
