-- The file is now this one. One that began with `pgseam start` gets its row now.
-- $1 text: name, $2 text: checksum, $3 bigint: its migration or NULL
INSERT INTO pgseam.ledger AS l (name, checksum, kind, migration_id) VALUES ($1, $2, 'migrated', $3::bigint)
    ON CONFLICT (name) DO UPDATE
       SET checksum = excluded.checksum, migration_id = coalesce(excluded.migration_id, l.migration_id),
           noted_at = excluded.noted_at, noted_by = excluded.noted_by
