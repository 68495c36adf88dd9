CREATE TABLE IF NOT EXISTS pgseam.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    migration_id bigint NOT NULL REFERENCES pgseam.migration,
    step_id int,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    kind text NOT NULL,
    message text NOT NULL)
