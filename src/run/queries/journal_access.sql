-- What is there and what we may do. No parameters.
SELECT has_schema, has_schema AND NOT has_tables AND has_relations AS is_foreign, may_look AND has_tables AS has_tables,
       may_look AND (has_tables OR pg_catalog.has_schema_privilege(oid, 'CREATE')) AS may_use,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create,
       pg_catalog.current_database() AS database, current_user AS role
  FROM (SELECT n.oid, n.oid IS NOT NULL AS has_schema,
               coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false) AS may_look,
               EXISTS (SELECT FROM pg_catalog.pg_class AS c
                        WHERE c.relnamespace = n.oid AND c.relname = 'meta') AS has_tables,
               EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid) AS has_relations
          FROM (SELECT 1) AS one
          LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = 'pgseam') AS state
