-- The statements that give a shadow the extended statistics of the source and the statistics targets of its indexes: before ANALYZE.
-- $1 oid of the source, $2 oid of the shadow
WITH y AS (
    SELECT c.*, n.nspname, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
      FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = $2::oid
)
SELECT 1 AS place, pg_catalog.format('CREATE STATISTICS %I.%I%s ON %s FROM %s', y.nspname, s.stxname,
           ' (' || (SELECT pg_catalog.string_agg(w.word, ', ') FROM (VALUES ('d'::"char", 'ndistinct'), ('f', 'dependencies'), ('m', 'mcv')) AS w(kind, word)
                     WHERE w.kind = ANY (s.stxkind)) || ')',
           pg_catalog.pg_get_statisticsobjdef_columns(s.oid), y.name) AS sql
  FROM y, pg_catalog.pg_statistic_ext AS s
 WHERE s.stxrelid = $1::oid AND NOT EXISTS (SELECT FROM pg_catalog.pg_statistic_ext AS i WHERE i.stxrelid = $2::oid AND i.stxname = s.stxname)
UNION ALL
SELECT 2, pg_catalog.format('ALTER STATISTICS %I.%I SET STATISTICS %s', y.nspname, s.stxname, s.stxstattarget)
  FROM y, pg_catalog.pg_statistic_ext AS s WHERE s.stxrelid = $1::oid AND s.stxstattarget >= 0
UNION ALL
SELECT 3, pg_catalog.format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', y.nspname, c.relname, a.attnum, a.attstattarget)
  FROM y CROSS JOIN pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attstattarget >= 0
  JOIN pg_catalog.pg_class AS n ON n.relname = c.relname AND n.relnamespace = y.relnamespace AND n.relkind = 'i'
  JOIN pg_catalog.pg_attribute AS b ON b.attrelid = n.oid AND b.attnum = a.attnum AND b.attstattarget IS DISTINCT FROM a.attstattarget
 WHERE i.indrelid = $1::oid
 ORDER BY 1, 2
