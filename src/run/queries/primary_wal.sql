-- Where the primary is, for its standbys to be compared with. No parameters.
SELECT pg_catalog.pg_current_wal_lsn()::text AS lsn, pg_catalog.clock_timestamp()::text AS now,
       (SELECT c.system_identifier::text FROM pg_catalog.pg_control_system() AS c) AS system,
       pg_catalog.current_database() AS database
