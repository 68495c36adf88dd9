-- The first mismatches and errors of each period that the application reported.
CREATE TABLE IF NOT EXISTS pgseam.rollout_mismatch (
    rollout text COLLATE "C" NOT NULL,
    period bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    stage text NOT NULL,
    is_error boolean NOT NULL,
    key text,
    detail text,
    role text NOT NULL DEFAULT session_user,
    PRIMARY KEY (rollout, period, id))
