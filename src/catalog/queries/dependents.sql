-- What keeps a column from being dropped without CASCADE: views and rules, policies, generated columns, functions with a SQL
-- body, publications' column lists, foreign keys of other tables. Indexes and constraints of the table itself go with it.
-- $1 oid
SELECT a.attname AS column_name,
       -- A view depends through its rule; people know it by its own name.
       CASE WHEN r.oid IS NOT NULL THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, r.ev_class, 0)
            ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END AS what
  FROM pg_catalog.pg_depend AS d
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  LEFT JOIN pg_catalog.pg_rewrite AS r
    ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
 WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1::oid AND d.refobjsubid > 0
   AND d.deptype = 'n' AND NOT a.attisdropped
   AND NOT (d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
            AND EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.oid = d.objid AND k.conrelid = d.refobjid))
   -- The default of the column itself depends on it automatically; a sequence that it owns, too.
   AND NOT (d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = d.refobjid AND d.objsubid = d.refobjsubid)
 GROUP BY 1, 2
 ORDER BY 1, 2
