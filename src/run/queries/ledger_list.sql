-- The ledger as it stands. No parameters.
SELECT l.name, l.checksum, l.kind, l.migration_id, l.noted_at::text AS noted_at, l.noted_by
  FROM pgseam.ledger AS l
 ORDER BY l.noted_at, l.name
