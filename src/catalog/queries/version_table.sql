-- What decides whether a sync trigger can stand on a table, for itself and its partitions at any depth: the user's enabled BEFORE ROW triggers
-- for INSERT and UPDATE, the columns that any trigger names in UPDATE OF, and the publications that send every column; the columns by which
-- rows are put into partitions.
-- $1 oid
WITH family AS (
    SELECT $1::oid AS oid
    UNION
    SELECT t.relid::oid FROM pg_catalog.pg_partition_tree($1::oid::pg_catalog.regclass) AS t
)
SELECT (SELECT coalesce(pg_catalog.array_agg(DISTINCT t.tgname), '{}') FROM pg_catalog.pg_trigger AS t
         -- TRIGGER_TYPE_ROW 1, BEFORE 2, INSERT 4, UPDATE 16 of src/include/catalog/pg_trigger.h.
         WHERE t.tgrelid IN (SELECT f.oid FROM family AS f) AND NOT t.tgisinternal AND (t.tgtype & 3) = 3 AND (t.tgtype & 20) <> 0
           AND t.tgenabled <> 'D')
       AS before_triggers,
       (SELECT coalesce(pg_catalog.array_agg(DISTINCT a.attname), '{}')
          FROM pg_catalog.pg_trigger AS t
         CROSS JOIN LATERAL pg_catalog.unnest(t.tgattr::int2[]) AS u(attnum)
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.tgrelid AND a.attnum = u.attnum
         WHERE t.tgrelid IN (SELECT f.oid FROM family AS f) AND NOT t.tgisinternal) AS update_of,
       (SELECT coalesce(pg_catalog.array_agg(DISTINCT a.attname), '{}')
          FROM pg_catalog.pg_statistic_ext AS s
          JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND d.objid = s.oid
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = s.stxrelid AND d.refobjsubid > 0
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = s.stxrelid AND a.attnum = d.refobjsubid
         WHERE s.stxrelid IN (SELECT f.oid FROM family AS f)) AS statistics_columns,
       (SELECT pg_catalog.string_agg(DISTINCT p.pubname, ', ') FROM pg_catalog.pg_publication_tables AS p
          JOIN pg_catalog.pg_class AS c ON c.relname = p.tablename
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = p.schemaname
         WHERE c.oid IN (SELECT f.oid FROM family AS f)) AS publications,
       -- What an expression of the key reads cannot go without the table: StorePartitionKey() of src/backend/catalog/heap.c.
       (SELECT coalesce(pg_catalog.array_agg(DISTINCT a.attname), '{}')
          FROM pg_catalog.pg_partitioned_table AS k
          JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.partrelid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE k.partrelid IN (SELECT f.oid FROM family AS f)
           AND (a.attnum = ANY (k.partattrs::int2[])
                OR EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                            WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = k.partrelid AND d.objsubid = a.attnum
                              AND d.refclassid = d.classid AND d.refobjid = k.partrelid AND d.refobjsubid = 0
                              AND d.deptype = 'i'))) AS partition_keys
