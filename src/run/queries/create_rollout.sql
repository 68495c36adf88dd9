-- How far a new version of something in the application is rolled out. Compared bytewise: no collation, and no new version of one,
-- can hide a row. `percent` and `cohorts` count in stage live; `frozen_because` is NULL where it is not frozen.
CREATE TABLE IF NOT EXISTS pgseam.rollout (
    name text COLLATE "C" PRIMARY KEY CHECK (octet_length(name) BETWEEN 1 AND 63),
    stage text NOT NULL CHECK (stage IN ('off', 'dualwrite', 'shadow', 'live', 'rampdown', 'complete')),
    percent numeric(5, 2) CHECK (percent BETWEEN 0 AND 100),
    cohorts text[] NOT NULL DEFAULT '{}',
    frozen_because text,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    changed_by text NOT NULL,
    CHECK (stage <> 'live' OR percent IS NOT NULL),
    CHECK (stage <> 'complete' OR frozen_because IS NULL))
