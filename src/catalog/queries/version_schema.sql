-- Whether a version could get its schema.
-- $1 text: the schema's name
SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace AS n WHERE n.nspname = $1::text) AS is_taken,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create
