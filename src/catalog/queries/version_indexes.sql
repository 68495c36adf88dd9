-- What pg_get_indexdef() does not print of a table's indexes: their comment, tablespace and statistics targets.
-- $1 oid
SELECT c.relname AS name, pg_catalog.obj_description(c.oid, 'pg_class') AS comment, s.spcname AS tablespace,
       (SELECT coalesce(pg_catalog.array_agg(pg_catalog.format('ALTER COLUMN %s SET STATISTICS %s', a.attnum, a.attstattarget)
                                             ORDER BY a.attnum), '{}')
          FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = c.oid AND a.attstattarget >= 0) AS statistics
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
  LEFT JOIN pg_catalog.pg_tablespace AS s ON s.oid = c.reltablespace
 WHERE i.indrelid = $1::oid
