-- The last samples of each rollout.
CREATE TABLE IF NOT EXISTS pgseam.rollout_sample (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rollout text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    stage text NOT NULL,
    compared bigint NOT NULL,
    mismatches bigint NOT NULL,
    errors bigint NOT NULL,
    is_over boolean NOT NULL,
    took_ms bigint NOT NULL,
    by text NOT NULL)
