-- The statements that make an empty table like the source, without indexes, foreign keys and triggers, in order.
-- $1 oid: source, $2 text: schema of the rewrite
WITH source AS (
    SELECT c.*, n.nspname, a.amname, pg_catalog.format('%I.%I', n.nspname, c.relname) AS source_name,
           pg_catalog.format('%I.%I', $2::text, c.relname) AS shadow_name
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      LEFT JOIN pg_catalog.pg_am AS a ON a.oid = c.relam
     WHERE c.oid = $1::oid
), option AS (
    SELECT pg_catalog.split_part(o, '=', 1) AS name, pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1) AS value, 'heap' AS part, n
      FROM source CROSS JOIN LATERAL pg_catalog.unnest(source.reloptions) WITH ORDINALITY AS u(o, n)
    UNION ALL
    SELECT pg_catalog.split_part(o, '=', 1), pg_catalog.substr(o, pg_catalog.strpos(o, '=') + 1), 'toast', n
      FROM source JOIN pg_catalog.pg_class AS t ON t.oid = source.reltoastrelid
     CROSS JOIN LATERAL pg_catalog.unnest(t.reloptions) WITH ORDINALITY AS u(o, n)
), tail (tail) AS (
    SELECT pg_catalog.format('%s WITH (%sautovacuum_enabled = false, toast.autovacuum_enabled = false)%s',
                             pg_catalog.format(' USING %I', amname),
                             (SELECT pg_catalog.string_agg(pg_catalog.format('%s%I = %L, ', CASE part WHEN 'toast' THEN 'toast.' END, name,
                                                                             value), '' ORDER BY part, n)
                                FROM option WHERE name <> 'autovacuum_enabled'),
                             (SELECT pg_catalog.format(' TABLESPACE %I', t.spcname) FROM pg_catalog.pg_tablespace AS t
                               WHERE t.oid = source.reltablespace))
      FROM source
)
SELECT 1 AS place, 0 AS number,
       pg_catalog.format('CREATE %sTABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED INCLUDING IDENTITY '
                         'INCLUDING STORAGE INCLUDING COMPRESSION INCLUDING COMMENTS)%s',
                         CASE WHEN relpersistence = 'u' THEN 'UNLOGGED ' END, shadow_name, source_name, tail) AS statement, tail
  FROM source CROSS JOIN tail
UNION ALL
-- LIKE makes a CHECK (or from 18 on a NOT NULL) that is NOT VALID a proven one; it comes back when the rows are there.
SELECT 2, 0, pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', shadow_name, k.conname), NULL
  FROM source JOIN pg_catalog.pg_constraint AS k ON k.conrelid = source.oid AND k.contype IN ('c', 'n') AND NOT k.convalidated
UNION ALL
SELECT 3, a.attnum, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', shadow_name, a.attname, a.attstattarget),
       NULL
  FROM source JOIN pg_catalog.pg_attribute AS a ON a.attrelid = source.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE a.attstattarget >= 0
UNION ALL
SELECT 4, a.attnum, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET (%s)', shadow_name, a.attname,
           (SELECT pg_catalog.string_agg(pg_catalog.format('%I = %L', pg_catalog.split_part(o, '=', 1),
                                                           pg_catalog.split_part(o, '=', 2)), ', ')
              FROM pg_catalog.unnest(a.attoptions) AS o)), NULL
  FROM source JOIN pg_catalog.pg_attribute AS a ON a.attrelid = source.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE a.attoptions IS NOT NULL
UNION ALL
SELECT 5, 0, pg_catalog.format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', $2::text, o.rolname), NULL
  FROM source JOIN pg_catalog.pg_roles AS o ON o.oid = source.relowner AND o.rolname <> current_user
UNION ALL
SELECT 6, 0, pg_catalog.format('ALTER TABLE %s OWNER TO %I', shadow_name, o.rolname), NULL
  FROM source JOIN pg_catalog.pg_roles AS o ON o.oid = source.relowner AND o.rolname <> current_user
 ORDER BY 1, 2
