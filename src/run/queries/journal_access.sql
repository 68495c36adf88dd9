-- What is there and what we may do. No parameters.
SELECT has_schema, has_schema AND meta IS NULL AND has_relations AS is_foreign,
       may_enter AND meta IS NOT NULL AS has_tables,
       may_enter AND (meta IS NULL OR pg_catalog.has_table_privilege(meta, 'SELECT')) AS may_look,
       may_enter AND CASE WHEN meta IS NULL THEN pg_catalog.has_schema_privilege(oid, 'CREATE')
                          ELSE pg_catalog.has_table_privilege(meta, 'SELECT')
                               AND pg_catalog.has_table_privilege(fence, 'SELECT')
                               AND pg_catalog.has_table_privilege(fence, 'UPDATE') END AS may_use,
       pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create,
       pg_catalog.current_database() AS database, current_user AS role
  FROM (SELECT n.oid, n.oid IS NOT NULL AS has_schema,
               coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false) AS may_enter,
               (SELECT c.oid FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid AND c.relname = 'meta') AS meta,
               (SELECT c.oid FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid AND c.relname = 'fence') AS fence,
               EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid) AS has_relations
          FROM (SELECT 1) AS one
          LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = 'pgseam') AS state
