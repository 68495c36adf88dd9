-- The statements that empty and drop the schema of a rewrite, none with CASCADE: what a user put there or made depend on it keeps it,
-- with PostgreSQL's own message. Statistics objects, indexes and owned sequences go with their tables.
-- $1 text: its schema
SELECT statement
  FROM (SELECT 1 AS place, pg_catalog.format('DROP TABLE %I.%I', n.nspname, c.relname) AS statement
          FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relkind = 'r'
        UNION ALL
        SELECT 2, pg_catalog.format('DROP FUNCTION %I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid))
          FROM pg_catalog.pg_proc AS p
          JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
         WHERE n.nspname = $1 AND p.proname LIKE 'pgseam\_%'
        UNION ALL
        SELECT 3, pg_catalog.format('DROP SCHEMA %I', n.nspname)
          FROM pg_catalog.pg_namespace AS n
         WHERE n.nspname = $1) AS s
 ORDER BY place, statement
