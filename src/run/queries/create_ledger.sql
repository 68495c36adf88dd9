-- The files of a folder that were run, or are taken for run. How far one is says the newest migration of its name; a row with
-- migration_id belongs to no other migration than that. `kind`: migrated, baseline, adopted.
CREATE TABLE IF NOT EXISTS pgseam.ledger (
    name text PRIMARY KEY,
    checksum text NOT NULL,
    kind text NOT NULL,
    migration_id bigint REFERENCES pgseam.migration,
    noted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    noted_by text NOT NULL DEFAULT session_user)
