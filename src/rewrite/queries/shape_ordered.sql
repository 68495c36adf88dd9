-- The statements that make an empty table like the source with its columns in another order, which LIKE cannot: in place of the first
-- statement of shape_create.sql.
-- $1 oid: source, $2 text: schema of the rewrite, $3 text[]: the first columns, $4 text: what the first statement has after its columns
WITH source AS (
    SELECT c.*, pg_catalog.format('%I.%I', $2::text, c.relname) AS shadow_name FROM pg_catalog.pg_class AS c WHERE c.oid = $1::oid
), col AS (
    SELECT a.*, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression,
           CASE WHEN a.attcollation <> 0 AND a.attcollation <> y.typcollation
                THEN pg_catalog.format(' COLLATE %I.%I', n.nspname, l.collname) END AS collate_clause,
           coalesce(pg_catalog.array_position($3::text[], a.attname::text), 10000 + a.attnum) AS place
      FROM source
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = source.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
      LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
      LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = l.collnamespace
), not_null AS (
    -- Rows of pg_constraint from 18 on, with names of their own.
    SELECT a.attname, (SELECT k.conname FROM pg_catalog.pg_constraint AS k
                        WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]) AS conname
      FROM col AS a WHERE a.attnotnull
)
SELECT 1 AS place, 0 AS number,
       pg_catalog.format('CREATE %sTABLE %s (%s)%s', CASE WHEN relpersistence = 'u' THEN 'UNLOGGED ' END, shadow_name,
           (SELECT pg_catalog.string_agg(pg_catalog.format('%I %s%s%s%s', col.attname, col.type, col.collate_clause,
                       CASE WHEN col.attgenerated = 's' THEN pg_catalog.format(' GENERATED ALWAYS AS (%s) STORED', col.expression)
                            WHEN col.attgenerated = 'v' THEN pg_catalog.format(' GENERATED ALWAYS AS (%s) VIRTUAL', col.expression)
                            WHEN col.expression IS NOT NULL THEN pg_catalog.format(' DEFAULT %s', col.expression) END,
                       (SELECT coalesce(' CONSTRAINT ' || pg_catalog.quote_ident(not_null.conname), '') || ' NOT NULL'
                          FROM not_null WHERE not_null.attname = col.attname)), ', ' ORDER BY col.place) FROM col),
           $4::text) AS statement
  FROM source
UNION ALL
SELECT 1, 100 + col.attnum, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET STORAGE %s', shadow_name, col.attname,
           CASE col.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'm' THEN 'MAIN' WHEN 'e' THEN 'EXTERNAL' ELSE 'EXTENDED' END)
  FROM source CROSS JOIN col JOIN pg_catalog.pg_type AS y ON y.oid = col.atttypid AND y.typstorage <> col.attstorage
UNION ALL
SELECT 1, 2000 + col.attnum, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET COMPRESSION %s', shadow_name, col.attname,
           CASE col.attcompression WHEN 'p' THEN 'pglz' ELSE 'lz4' END)
  FROM source CROSS JOIN col WHERE col.attcompression IN ('p', 'l')
UNION ALL
SELECT 1, 4000 + col.attnum, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I ADD GENERATED %s AS IDENTITY '
           '(START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s)', shadow_name, col.attname,
           CASE col.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache,
           CASE WHEN q.seqcycle THEN ' CYCLE' END)
  FROM source CROSS JOIN col
  JOIN pg_catalog.pg_depend AS p ON p.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND p.refobjid = source.oid
   AND p.refobjsubid = col.attnum AND p.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND p.deptype = 'i'
  JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = p.objid
 WHERE col.attidentity <> ''
UNION ALL
SELECT 1, 6000, pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', shadow_name, k.conname, pg_catalog.pg_get_constraintdef(k.oid))
  FROM source JOIN pg_catalog.pg_constraint AS k ON k.conrelid = source.oid AND k.contype = 'c'
UNION ALL
SELECT 1, 8000 + col.attnum, pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', shadow_name, col.attname, d.description)
  FROM source CROSS JOIN col
  JOIN pg_catalog.pg_description AS d ON d.objoid = source.oid AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND d.objsubid = col.attnum
UNION ALL
SELECT 1, 10000, pg_catalog.format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, shadow_name, d.description)
  FROM source JOIN pg_catalog.pg_constraint AS k ON k.conrelid = source.oid AND k.contype = 'c'
  JOIN pg_catalog.pg_description AS d ON d.objoid = k.oid AND d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
 ORDER BY 1, 2
