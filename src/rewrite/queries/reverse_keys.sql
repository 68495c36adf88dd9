-- The key columns of a rewrite as the new table has them.
-- $1 text: the new table, quoted; $2 text: the dirty table of the way there, quoted
SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       CASE WHEN a.attcollation <> 0 AND a.attcollation <> y.typcollation
            THEN pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(l.collname) END AS collation
  FROM pg_catalog.pg_attribute AS d
  JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = $1::pg_catalog.regclass AND a.attname = d.attname AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = l.collnamespace
 WHERE d.attrelid = $2::pg_catalog.regclass AND d.attnum > 0 AND NOT d.attisdropped
 ORDER BY d.attnum
