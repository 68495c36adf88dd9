-- What a role may do with the functions that the application asks, and which tables it could use if it may enter the schema (default
-- privileges give such rights). $1 name: the role; public: everybody
SELECT pg_catalog.has_schema_privilege($1::name, 'pgseam', 'USAGE') AS may_enter,
       pg_catalog.has_function_privilege($1::name, 'pgseam.rollout_version(text,text)', 'EXECUTE')
       AND pg_catalog.has_function_privilege($1::name, 'pgseam.rollout_state(text)', 'EXECUTE')
       AND pg_catalog.has_function_privilege($1::name, 'pgseam.rollout_report(text,text,boolean,text)', 'EXECUTE') AS may_ask,
       (SELECT pg_catalog.string_agg('pgseam.' || pg_catalog.quote_ident(c.relname), ', ' ORDER BY c.relname)
          FROM pg_catalog.pg_class AS c
         WHERE c.relnamespace = 'pgseam'::regnamespace AND c.relkind = 'r'
           AND pg_catalog.has_table_privilege($1::name, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')) AS open_tables
