-- The statements that bring what ALTER can change of an object back to what it is now; `aspect` says what each is about.
-- $1 oid: catalog, $2 oid: row
WITH c AS (
    SELECT k.oid, k.relkind, k.reloptions, pg_catalog.format('%I.%I', n.nspname, k.relname) AS q,
           CASE k.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'i' THEN 'INDEX' WHEN 'I' THEN 'INDEX'
                WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS word
      FROM pg_catalog.pg_class AS k JOIN pg_catalog.pg_namespace AS n ON n.oid = k.relnamespace
     WHERE $1::oid = 'pg_catalog.pg_class'::pg_catalog.regclass AND k.oid = $2::oid),
d AS (
    SELECT t.oid, t.typnotnull, t.typdefault, t.typdefaultbin, pg_catalog.format('%I.%I', n.nspname, t.typname) AS q
      FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
     WHERE $1::oid = 'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid = $2::oid AND t.typtype = 'd')
SELECT 'options' AS aspect, pg_catalog.format('ALTER %s %s SET (%s)', c.word, c.q,
         (SELECT string_agg(pg_catalog.format('%I=%L', o.option_name, o.option_value), ', ')
            FROM pg_catalog.pg_options_to_table(c.reloptions) AS o)) AS sql
  FROM c WHERE c.reloptions IS NOT NULL
UNION ALL
SELECT 'sequence', pg_catalog.format('ALTER SEQUENCE %s AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s CYCLE',
         c.q, pg_catalog.format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcache, CASE WHEN s.seqcycle THEN '' ELSE ' NO' END)
  FROM c JOIN pg_catalog.pg_sequence AS s ON s.seqrelid = c.oid
UNION ALL
SELECT 'owned by', pg_catalog.format('ALTER SEQUENCE %s OWNED BY %s', c.q, coalesce(
         (SELECT pg_catalog.format('%I.%I.%I', n.nspname, t.relname, a.attname)
            FROM pg_catalog.pg_depend AS o
            JOIN pg_catalog.pg_class AS t ON t.oid = o.refobjid
            JOIN pg_catalog.pg_namespace AS n ON n.oid = t.relnamespace
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = o.refobjsubid
           WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.objid = c.oid AND o.deptype = 'a'
             AND o.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass), 'NONE'))
  FROM c WHERE c.relkind = 'S'
UNION ALL
SELECT 'column default', pg_catalog.format('ALTER VIEW %s ALTER COLUMN %I %s', c.q, a.attname,
         coalesce('SET DEFAULT ' || pg_catalog.pg_get_expr(f.adbin, f.adrelid), 'DROP DEFAULT'))
  FROM c JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
  LEFT JOIN pg_catalog.pg_attrdef AS f ON f.adrelid = c.oid AND f.adnum = a.attnum
 WHERE c.relkind = 'v'
UNION ALL
SELECT 'definition', pg_catalog.pg_get_functiondef(p.oid)
  FROM pg_catalog.pg_proc AS p
 WHERE $1::oid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = $2::oid AND p.prokind IN ('f', 'p', 'w')
UNION ALL
SELECT 'default', pg_catalog.format('ALTER DOMAIN %s %s', d.q,
         coalesce('SET DEFAULT ' || coalesce(pg_catalog.pg_get_expr(d.typdefaultbin, 0), pg_catalog.quote_literal(d.typdefault)),
                  'DROP DEFAULT'))
  FROM d
UNION ALL
SELECT 'not null', pg_catalog.format('ALTER DOMAIN %s %s NOT NULL', d.q, CASE WHEN d.typnotnull THEN 'SET' ELSE 'DROP' END) FROM d
UNION ALL
SELECT 'constraint ' || k.conname, pg_catalog.format('ALTER DOMAIN %s ADD CONSTRAINT %I %s', d.q, k.conname,
         pg_catalog.pg_get_constraintdef(k.oid))
  FROM d JOIN pg_catalog.pg_constraint AS k ON k.contypid = d.oid
UNION ALL
SELECT 'publish', pg_catalog.format('ALTER PUBLICATION %I SET (publish = %L, publish_via_partition_root = %s)', b.pubname,
         pg_catalog.concat_ws(', ', CASE WHEN b.pubinsert THEN 'insert' END, CASE WHEN b.pubupdate THEN 'update' END,
                              CASE WHEN b.pubdelete THEN 'delete' END, CASE WHEN b.pubtruncate THEN 'truncate' END),
         CASE WHEN b.pubviaroot THEN 'true' ELSE 'false' END)
  FROM pg_catalog.pg_publication AS b
 WHERE $1::oid = 'pg_catalog.pg_publication'::pg_catalog.regclass AND b.oid = $2::oid
UNION ALL
SELECT 'statistics', pg_catalog.format('ALTER STATISTICS %I.%I SET STATISTICS %s', n.nspname, e.stxname, coalesce(e.stxstattarget, -1))
  FROM pg_catalog.pg_statistic_ext AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.stxnamespace
 WHERE $1::oid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND e.oid = $2::oid
 ORDER BY 1, 2
