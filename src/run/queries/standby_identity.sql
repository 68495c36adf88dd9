-- On a standby: what it is a standby of. No parameters.
SELECT (SELECT c.system_identifier::text FROM pg_catalog.pg_control_system() AS c) AS system, pg_catalog.current_database() AS database
