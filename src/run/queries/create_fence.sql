-- The newest fencing token. Apart from the runner's row, so that a heartbeat never waits for a transaction that holds it.
CREATE TABLE IF NOT EXISTS pgseam.fence (
    migration_id bigint PRIMARY KEY REFERENCES pgseam.migration,
    token bigint NOT NULL DEFAULT 0)
