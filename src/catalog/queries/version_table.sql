-- What decides whether a sync trigger can stand on a table: the user's enabled BEFORE ROW triggers for INSERT and UPDATE, the columns that
-- any trigger names in UPDATE OF, and the publications that send every column.
-- $1 oid
SELECT (SELECT coalesce(pg_catalog.array_agg(t.tgname ORDER BY t.tgname), '{}') FROM pg_catalog.pg_trigger AS t
         -- TRIGGER_TYPE_ROW 1, BEFORE 2, INSERT 4, UPDATE 16 of src/include/catalog/pg_trigger.h.
         WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal AND (t.tgtype & 3) = 3 AND (t.tgtype & 20) <> 0 AND t.tgenabled <> 'D')
       AS before_triggers,
       (SELECT coalesce(pg_catalog.array_agg(DISTINCT a.attname), '{}')
          FROM pg_catalog.pg_trigger AS t
         CROSS JOIN LATERAL pg_catalog.unnest(t.tgattr::int2[]) AS u(attnum)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.tgrelid AND a.attnum = u.attnum
         WHERE t.tgrelid = $1::oid AND NOT t.tgisinternal) AS update_of,
       (SELECT coalesce(pg_catalog.array_agg(DISTINCT a.attname), '{}')
          FROM pg_catalog.pg_statistic_ext AS s
          JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND d.objid = s.oid
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = s.stxrelid AND d.refobjsubid > 0
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = s.stxrelid AND a.attnum = d.refobjsubid
         WHERE s.stxrelid = $1::oid) AS statistics_columns,
       (SELECT pg_catalog.string_agg(p.pubname, ', ') FROM pg_catalog.pg_publication_tables AS p
          JOIN pg_catalog.pg_class AS c ON c.relname = p.tablename
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = p.schemaname
         WHERE c.oid = $1::oid) AS publications
