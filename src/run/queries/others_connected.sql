-- Whether anybody but pgseam is connected to the database; who may not see the kind of a session takes it for a client's.
-- No parameters.
SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a
                WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
                  AND coalesce(a.backend_type, 'client backend') = 'client backend' AND a.usesysid IS NOT NULL
                  AND coalesce(a.application_name, '') NOT LIKE 'pgseam/%') AS is_so
