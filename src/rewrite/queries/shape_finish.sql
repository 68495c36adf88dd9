-- What the shadow gets once it has rows and indexes: statements, in order.
-- $1 oid: source, $2 text: schema of the rewrite, $3 text[]: names that the shadow does not get
WITH source AS (
    SELECT c.*, pg_catalog.format('%I.%I', $2::text, c.relname) AS shadow_name FROM pg_catalog.pg_class AS c WHERE c.oid = $1::oid
), index AS (
    SELECT i.*, c.relname AS name, k.oid AS constraint_oid, k.conname
      FROM source
      JOIN pg_catalog.pg_index AS i ON i.indrelid = source.oid AND i.indisvalid AND i.indisready AND i.indislive
      JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid AND c.relname <> ALL ($3::text[])
      LEFT JOIN pg_catalog.pg_constraint AS k
        ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x')
)
SELECT 1 AS place, k.conname AS name,
       pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', shadow_name, k.conname, pg_catalog.pg_get_constraintdef(k.oid))
           AS statement
  FROM source JOIN pg_catalog.pg_constraint AS k ON k.conrelid = source.oid AND k.contype IN ('c', 'n') AND NOT k.convalidated
   AND k.conname <> ALL ($3::text[])
UNION ALL
SELECT 2, '', pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY %s', shadow_name,
                                CASE source.relreplident WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' END)
  FROM source WHERE source.relreplident IN ('f', 'n')
UNION ALL
SELECT 2, '', pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', shadow_name, index.name)
  FROM source CROSS JOIN index WHERE source.relreplident = 'i' AND index.indisreplident
UNION ALL
SELECT 3, '', pg_catalog.format('ALTER TABLE %s CLUSTER ON %I', shadow_name, index.name)
  FROM source CROSS JOIN index WHERE index.indisclustered
UNION ALL
SELECT 4, index.name, pg_catalog.format('COMMENT ON INDEX %I.%I IS %L', $2::text, index.name, d.description)
  FROM index JOIN pg_catalog.pg_description AS d
    ON d.objoid = index.indexrelid AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid = 0
UNION ALL
SELECT 5, k.conname, pg_catalog.format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, shadow_name, d.description)
  FROM source
  JOIN pg_catalog.pg_constraint AS k ON k.conrelid = source.oid AND k.conname <> ALL ($3::text[])
   AND (k.contype IN ('p', 'u', 'x') OR (k.contype IN ('c', 'n') AND NOT k.convalidated))
  JOIN pg_catalog.pg_description AS d ON d.objoid = k.oid AND d.classoid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
UNION ALL
SELECT 6, index.name, pg_catalog.format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', $2::text, index.name, a.attnum,
                                        a.attstattarget)
  FROM index JOIN pg_catalog.pg_attribute AS a ON a.attrelid = index.indexrelid AND a.attstattarget >= 0
 ORDER BY 1, 2
