CREATE TABLE IF NOT EXISTS pgseam.step (
    migration_id bigint NOT NULL REFERENCES pgseam.migration,
    id int NOT NULL,
    phase text NOT NULL,
    kind text NOT NULL,
    relation text,
    relation_oid oid, -- as it was at the beginning: a name may come to mean another table
    status text NOT NULL DEFAULT 'pending',
    rows_total bigint NOT NULL DEFAULT 0,
    began_at timestamptz,
    ended_at timestamptz,
    PRIMARY KEY (migration_id, id))
