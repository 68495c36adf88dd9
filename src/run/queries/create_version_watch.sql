-- For how long a side of a version was watched without seeing anybody: time in which nobody watched proves nothing and is not in it.
CREATE TABLE IF NOT EXISTS pgseam.version_watch (
    migration_id bigint NOT NULL REFERENCES pgseam.migration,
    side text NOT NULL,
    quiet_ms bigint NOT NULL,
    looked_at timestamptz NOT NULL,
    PRIMARY KEY (migration_id, side))
