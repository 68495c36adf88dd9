CREATE TABLE IF NOT EXISTS pgseam.runner (
    migration_id bigint PRIMARY KEY REFERENCES pgseam.migration,
    token bigint NOT NULL,
    host text NOT NULL,
    pid int NOT NULL,
    command text NOT NULL,
    control_pid int NOT NULL,
    control_start timestamptz,
    backends int[] NOT NULL,
    backend_starts timestamptz[] NOT NULL,
    heartbeat timestamptz NOT NULL)
