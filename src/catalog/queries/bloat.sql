-- How much of each table's pages its rows would not need, by ANALYZE's averages: an estimate (the padding between columns is not known,
-- nor are rows that have not been analyzed). Tables of this role; NULL where a column has no statistics.
WITH t AS (
    SELECT c.oid, n.nspname, c.relname, c.reltuples, pg_catalog.pg_relation_size(c.oid) AS bytes,
           pg_catalog.current_setting('block_size')::numeric AS page,
           coalesce((SELECT o.option_value::numeric FROM pg_catalog.pg_options_to_table(c.reloptions) AS o
                      WHERE o.option_name = 'fillfactor'), 100) / 100 AS filled
      FROM pg_catalog.pg_class AS c
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND NOT c.relispartition AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
       AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pgseam') AND n.nspname NOT LIKE 'pgseam\_%'
       AND n.nspname NOT LIKE 'pg\_toast%'),
w AS (
    SELECT t.oid, count(*) AS columns, count(s.avg_width) AS known,
           sum((1 - s.null_frac) * s.avg_width)::numeric AS width,
           bool_or(s.null_frac > 0) AS has_nulls
      FROM t
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_catalog.pg_stats AS s
        ON s.schemaname = t.nspname AND s.tablename = t.relname AND s.attname = a.attname AND NOT s.inherited
     GROUP BY t.oid),
e AS (
    SELECT t.*,
           -- A row: its pointer, its header with the bitmap of NULLs, its values, up to the next multiple of eight.
           CASE WHEN w.known = w.columns AND t.reltuples >= 0 THEN
               ceil(t.reltuples::numeric
                    * (4 + ceil((23 + CASE WHEN w.has_nulls THEN (w.columns + 7) / 8 ELSE 0 END) / 8.0) * 8 + ceil(w.width / 8) * 8)
                    / ((t.page - 24) * t.filled)) * t.page END AS needed
      FROM t JOIN w ON w.oid = t.oid)
SELECT e.nspname AS schema, e.relname AS name, e.bytes::bigint AS bytes,
       greatest(e.bytes - e.needed, 0)::bigint AS unused,
       CASE WHEN e.bytes > 0 AND e.needed IS NOT NULL THEN greatest(100 * (1 - e.needed / e.bytes), 0) ELSE 0 END::double precision AS percent,
       e.needed IS NOT NULL AS is_known
  FROM e
 ORDER BY greatest(e.bytes - e.needed, 0) DESC NULLS LAST, 1, 2
