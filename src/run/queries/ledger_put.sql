-- Note a file; one that was noted before is noted anew only where that migration has been rolled back. No row: it stands there.
-- $1 text: name, $2 text: checksum, $3 text: kind, $4 bigint: migration or NULL
INSERT INTO pgseam.ledger AS l (name, checksum, kind, migration_id) VALUES ($1, $2, $3, $4::bigint)
    ON CONFLICT (name) DO UPDATE
       SET checksum = excluded.checksum, kind = excluded.kind, migration_id = excluded.migration_id,
           noted_at = excluded.noted_at, noted_by = excluded.noted_by
     WHERE EXISTS (SELECT FROM pgseam.migration AS m WHERE m.id = l.migration_id AND m.state = 'rolled_back')
RETURNING l.name
