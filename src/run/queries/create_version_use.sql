-- Who was seen to work with the old or the new shape of a version's tables while somebody looked.
CREATE TABLE IF NOT EXISTS pgseam.version_use (
    migration_id bigint NOT NULL REFERENCES pgseam.migration,
    side text NOT NULL, -- old or new
    role text NOT NULL,
    application_name text NOT NULL,
    client_addr text NOT NULL, -- '': a socket, or not ours to see
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    times bigint NOT NULL, -- how many looks saw it
    last_query text,
    PRIMARY KEY (migration_id, side, role, application_name, client_addr))
