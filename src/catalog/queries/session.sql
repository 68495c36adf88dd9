-- Who we are and where. No parameters.
SELECT pg_catalog.current_database() AS database,
       current_user AS role,
       (pg_catalog.current_schemas(false))[1] AS creation_schema
