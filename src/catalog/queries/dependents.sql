-- What keeps a column from being dropped without CASCADE: views and rules, policies, generated columns, functions with a SQL
-- body, publications' column lists, foreign keys of other tables. Indexes and constraints of the table itself go with it.
-- $1 oid
SELECT a.attname AS column_name,
       -- A view depends through its rule; people know it by its own name.
       CASE WHEN r.oid IS NOT NULL THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, r.ev_class, 0)
            ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END AS what,
       n.nspname AS view_schema, v.relname AS view_name,
       -- What stands on that view in its turn.
       (SELECT pg_catalog.string_agg(DISTINCT CASE WHEN r2.oid IS NOT NULL
                   THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, r2.ev_class, 0)
                   ELSE pg_catalog.pg_describe_object(d2.classid, d2.objid, d2.objsubid) END, ', ')
          FROM pg_catalog.pg_depend AS d2
          LEFT JOIN pg_catalog.pg_rewrite AS r2 ON d2.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r2.oid = d2.objid
         WHERE d2.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d2.refobjid = v.oid AND d2.deptype = 'n'
           AND r2.ev_class IS DISTINCT FROM v.oid) AS on_view
  FROM pg_catalog.pg_depend AS d
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  LEFT JOIN pg_catalog.pg_rewrite AS r
    ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
  LEFT JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class AND v.relkind = 'v'
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = v.relnamespace
 WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1::oid AND d.refobjsubid > 0
   AND d.deptype = 'n' AND NOT a.attisdropped
   AND NOT (d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
            AND EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.oid = d.objid AND k.conrelid = d.refobjid))
   -- The default of the column itself depends on it automatically; a sequence that it owns, too.
   AND NOT (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = d.refobjid AND d.objsubid = d.refobjsubid)
 GROUP BY a.attname, r.oid, r.ev_class, d.classid, d.objid, d.objsubid, n.nspname, v.relname, v.oid
 ORDER BY 1, 2
