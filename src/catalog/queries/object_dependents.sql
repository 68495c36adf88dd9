-- What goes with an object when it is dropped: parts of it (is_normal false), and what would stop a plain DROP (true).
-- Follows findDependentObjects() of src/backend/catalog/dependency.c.
-- $1 oid: catalog, $2 oid: row, $3 int: column, or 0
WITH RECURSIVE goes(classid, objid, objsubid, is_normal) AS (
    SELECT $1::oid, $2::oid, $3::int, false
    UNION
    SELECT x.classid, x.objid, x.objsubid, g.is_normal OR x.is_normal
      FROM goes AS g
     CROSS JOIN LATERAL (
           SELECT d.classid, d.objid, d.objsubid, d.deptype = 'n' AS is_normal
             FROM pg_catalog.pg_depend AS d
            WHERE d.refclassid = g.classid AND d.refobjid = g.objid AND (g.objsubid = 0 OR d.refobjsubid = g.objsubid)
              AND d.deptype IN ('n', 'a', 'i', 'P', 'S', 'e', 'x')
           UNION ALL
           -- A part takes the whole along; of the object itself that is what stops the DROP.
           SELECT d.refclassid, d.refobjid, d.refobjsubid, g.classid = $1::oid AND g.objid = $2::oid
             FROM pg_catalog.pg_depend AS d
            WHERE d.classid = g.classid AND d.objid = g.objid
              AND (d.deptype = 'i' AND d.objsubid IN (0, g.objsubid)
                   OR d.deptype = 'e' AND g.classid = $1::oid AND g.objid = $2::oid)) AS x)
SELECT pg_catalog.pg_describe_object(a.classid, a.objid, a.objsubid) AS what, a.is_normal,
       (pg_catalog.pg_identify_object(a.classid, a.objid, a.objsubid)).type AS type,
       n.nspname AS schema, r.relname AS name, r.relkind::text AS kind,
       coalesce(pg_catalog.pg_has_role(r.relowner, 'USAGE'), false) AS is_owned,
       coalesce(at.attname, k.conname) AS part,
       fn.nspname AS other_schema, fr.relname AS other_name, fr.relkind::text AS other_kind,
       coalesce(pg_catalog.pg_has_role(fr.relowner, 'USAGE'), false) AS other_is_owned,
       CASE WHEN a.objsubid > 0 AND r.relkind IN ('r', 'm') THEN pg_catalog.pg_relation_size(r.oid) ELSE 0 END AS bytes
  FROM (SELECT g.classid, g.objid, g.objsubid, bool_and(g.is_normal) AS is_normal
          FROM goes AS g
         WHERE (g.classid, g.objid, g.objsubid) <> ($1::oid, $2::oid, $3::int)
           -- A view is more than its rule, a constraint more than its triggers.
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                            WHERE d.classid = g.classid AND d.objid = g.objid AND d.objsubid = g.objsubid
                              AND d.deptype = 'i' AND d.refclassid <> 'pg_catalog.pg_type'::pg_catalog.regclass)
           AND NOT (g.classid = $1::oid AND g.objid = $2::oid AND $3::int = 0)
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS y
                            WHERE g.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND y.typarray = g.objid)
         GROUP BY g.classid, g.objid, g.objsubid) AS a
  LEFT JOIN pg_catalog.pg_class AS c ON a.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = a.objid
  LEFT JOIN pg_catalog.pg_index AS x ON x.indexrelid = c.oid
  LEFT JOIN pg_catalog.pg_constraint AS k
    ON a.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = a.objid
  LEFT JOIN pg_catalog.pg_trigger AS t ON a.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND t.oid = a.objid
  LEFT JOIN pg_catalog.pg_policy AS p ON a.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND p.oid = a.objid
  LEFT JOIN pg_catalog.pg_rewrite AS w ON a.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = a.objid
  LEFT JOIN pg_catalog.pg_attrdef AS f ON a.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = a.objid
  LEFT JOIN pg_catalog.pg_publication_rel AS b
    ON a.classid = 'pg_catalog.pg_publication_rel'::pg_catalog.regclass AND b.oid = a.objid
  LEFT JOIN pg_catalog.pg_statistic_ext AS s
    ON a.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND s.oid = a.objid
  LEFT JOIN pg_catalog.pg_class AS r
    ON r.oid = coalesce(x.indrelid, c.oid, nullif(k.conrelid, 0), t.tgrelid, p.polrelid, w.ev_class, f.adrelid, b.prrelid,
                        s.stxrelid)
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = r.relnamespace
  LEFT JOIN pg_catalog.pg_attribute AS at
    ON at.attrelid = r.oid AND at.attnum = coalesce(f.adnum::int, CASE WHEN c.oid IS NOT NULL THEN nullif(a.objsubid, 0) END)
  LEFT JOIN pg_catalog.pg_class AS fr ON k.contype = 'f' AND fr.oid = k.confrelid
  LEFT JOIN pg_catalog.pg_namespace AS fn ON fn.oid = fr.relnamespace
 WHERE coalesce(r.relkind <> 't', true)
 ORDER BY 2, 1
