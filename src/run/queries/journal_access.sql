-- What is there and what we may do. No parameters.
SELECT n.oid IS NOT NULL AS has_schema,
       pg_catalog.to_regclass('pgseam.meta') IS NOT NULL AS has_tables,
       -- A list of privileges asks for any of them; both are needed.
       coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND (pg_catalog.to_regclass('pgseam.meta') IS NOT NULL
                OR pg_catalog.has_schema_privilege(n.oid, 'CREATE')), false) AS may_use,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create,
       pg_catalog.current_database() AS database,
       current_user AS role
  FROM (SELECT 1) AS one
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = 'pgseam'
