-- What was set about a migration; what is not here has its default. A list, since there may be several standbys.
CREATE TABLE IF NOT EXISTS pgseam.setting (
    migration_id bigint NOT NULL REFERENCES pgseam.migration,
    name text NOT NULL,
    value text[] NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (migration_id, name))
