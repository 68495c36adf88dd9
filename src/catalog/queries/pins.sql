-- The tables that an application finds by their names alone, under the search_path that is set, in its order; and why no view may stand
-- for one of them. Partitions are reached through their table.
-- No parameters.
SELECT c.oid::bigint AS oid, n.nspname AS schema,
       CASE WHEN NOT pg_catalog.pg_table_is_visible(c.oid) THEN 'another relation of its name comes before it in the search_path'
            WHEN EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                          WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
            THEN 'it belongs to an extension' END AS unfit
  FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS s(name, place)
  JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.name
  JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
 WHERE n.nspname !~ '^(pg_|pgseam_)' AND n.nspname NOT IN ('pgseam', 'information_schema')
 ORDER BY s.place, c.relname
