-- A table belongs to one migration at a time.
CREATE TABLE IF NOT EXISTS pgseam.lease (
    relation text PRIMARY KEY,
    migration_id bigint NOT NULL REFERENCES pgseam.migration)
