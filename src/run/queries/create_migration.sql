CREATE TABLE IF NOT EXISTS pgseam.migration (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    state text NOT NULL,
    stage text NOT NULL,
    reason text,
    is_paused boolean NOT NULL DEFAULT false,
    plan text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now())
