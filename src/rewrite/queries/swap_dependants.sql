-- What depends on a table from outside of it, and what becomes of it in a cut-over: one row for each thing. A closed world: what is not
-- known here is refused. Views that give a changed column on, or the row itself, are dropped and made again, with all views on them
-- (`place`: the lowest first); the others are replaced in place. So are functions: those whose signature has the row type are dropped.
-- $1 oid of the table, $2 oid of the one that takes its place, NULL if there is none yet: then $3 text[] says which columns will change
WITH RECURSIVE t AS (
    SELECT c.oid, c.reltype, y.typarray FROM pg_catalog.pg_class AS c LEFT JOIN pg_catalog.pg_type AS y ON y.oid = c.reltype
     WHERE c.oid = $1::oid
), raw AS (
    SELECT d.classid, d.objid, d.objsubid, d.refobjsubid, false AS of_row
      FROM pg_catalog.pg_depend AS d
     WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = $1::oid
    UNION ALL
    SELECT d.classid, d.objid, d.objsubid, 0, true
      FROM t JOIN pg_catalog.pg_depend AS d
        ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid IN (t.reltype, t.typarray)
), changed AS (
    SELECT a.attnum FROM pg_catalog.pg_attribute AS a
     WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
       AND (a.attname = ANY ($3::text[])
            OR $2::oid IS NOT NULL AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_attribute AS b
                 WHERE b.attrelid = $2::oid AND b.attname = a.attname AND b.attnum > 0 AND NOT b.attisdropped
                   AND (b.atttypid, b.atttypmod, b.attcollation) = (a.atttypid, a.atttypmod, a.attcollation)))
), direct AS (
    SELECT v.oid, bool_or(changed.attnum IS NOT NULL) OR EXISTS (
               SELECT FROM pg_catalog.pg_attribute AS w, t WHERE w.attrelid = v.oid AND w.atttypid IN (t.reltype, t.typarray)) AS is_dropped
      FROM raw JOIN pg_catalog.pg_rewrite AS r ON raw.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = raw.objid
      JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class AND v.relkind = 'v'
      LEFT JOIN changed ON changed.attnum = raw.refobjsubid AND NOT raw.of_row
     WHERE r.rulename = '_RETURN'
     GROUP BY v.oid
), above(oid, depth) AS (
    SELECT direct.oid, 1 FROM direct WHERE direct.is_dropped
    UNION
    SELECT v.oid, above.depth + 1
      FROM above
      JOIN pg_catalog.pg_depend AS d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = above.oid
       AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
      JOIN pg_catalog.pg_rewrite AS r ON r.oid = d.objid AND r.rulename = '_RETURN' AND r.ev_class <> above.oid
      JOIN pg_catalog.pg_class AS v ON v.oid = r.ev_class AND v.relkind = 'v'
     WHERE above.depth < 100
), dropped AS (
    SELECT above.oid, max(above.depth) AS depth FROM above GROUP BY above.oid
), used(classid, objid, objsubid, of_row, of_view) AS (
    SELECT raw.classid, raw.objid, raw.objsubid, raw.of_row, NULL::oid FROM raw
    UNION
    SELECT d.classid, d.objid, d.objsubid, d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass, v.oid
      FROM dropped JOIN pg_catalog.pg_class AS v ON v.oid = dropped.oid JOIN pg_catalog.pg_type AS y ON y.oid = v.reltype
      JOIN pg_catalog.pg_depend AS d
        ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = v.oid
        OR d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.refobjid IN (v.reltype, y.typarray)
), known AS (
    SELECT used.*, r.ev_class, r.rulename, e.relkind AS ev_kind, k.conrelid, k.contype, k.confrelid, k.conparentid, q.relkind AS con_kind,
           pol.polrelid, g.tgrelid, f.adrelid, f.adnum, s.stxrelid, p.prosqlbody, p.prokind, c.relkind,
           p.oid IS NOT NULL AND EXISTS (
               SELECT FROM pg_catalog.pg_depend AS n WHERE n.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND n.refobjid = p.oid) AS is_needed, y.typrelid, y.typelem, y.typtype
      FROM used
      LEFT JOIN pg_catalog.pg_rewrite AS r ON used.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = used.objid
      LEFT JOIN pg_catalog.pg_class AS e ON e.oid = r.ev_class
      LEFT JOIN pg_catalog.pg_constraint AS k ON used.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = used.objid
      LEFT JOIN pg_catalog.pg_class AS q ON q.oid = k.conrelid
      LEFT JOIN pg_catalog.pg_policy AS pol ON used.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND pol.oid = used.objid
      LEFT JOIN pg_catalog.pg_trigger AS g ON used.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND g.oid = used.objid
      LEFT JOIN pg_catalog.pg_attrdef AS f ON used.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = used.objid
      LEFT JOIN pg_catalog.pg_statistic_ext AS s
        ON used.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND s.oid = used.objid
      LEFT JOIN pg_catalog.pg_proc AS p ON used.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = used.objid
      LEFT JOIN pg_catalog.pg_class AS c ON used.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = used.objid
      LEFT JOIN pg_catalog.pg_type AS y ON used.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND y.oid = used.objid
), sorted AS (
    SELECT known.*, coalesce(known.of_view, $1::oid) AS base,
           CASE
               -- Its own parts.
               WHEN known.ev_class = coalesce(known.of_view, $1::oid) OR known.conrelid = $1::oid OR known.polrelid = $1::oid
                    OR known.tgrelid = coalesce(known.of_view, $1::oid) OR known.adrelid = coalesce(known.of_view, $1::oid)
                    OR known.stxrelid = $1::oid OR known.relkind IN ('i', 't') OR known.relkind = 'S' AND known.of_view IS NULL
                    OR known.classid = 'pg_catalog.pg_publication_rel'::pg_catalog.regclass
                    OR known.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND known.objid = coalesce(known.of_view, $1::oid)
                    OR known.typrelid <> 0 AND known.typrelid = coalesce(known.of_view, $1::oid)
                    OR known.typtype = 'b' AND known.typelem <> 0 AND known.typelem = (
                        SELECT b.reltype FROM pg_catalog.pg_class AS b WHERE b.oid = coalesce(known.of_view, $1::oid)) THEN 'own'
               WHEN known.ev_kind = 'v' AND known.rulename = '_RETURN' THEN 'own'
               -- Made again with its view.
               WHEN known.ev_class IN (SELECT dropped.oid FROM dropped) THEN 'own'
               -- A column of a view that is the row.
               WHEN known.relkind = 'v' AND known.of_row THEN 'own'
               WHEN known.of_view IS NULL AND known.prokind IN ('f', 'p') AND EXISTS (
                        SELECT FROM raw WHERE raw.of_row AND raw.classid = known.classid AND raw.objid = known.objid)
                    THEN CASE WHEN known.is_needed THEN 'refused' ELSE 'function dropped' END
               WHEN known.of_view IS NOT NULL OR known.of_row THEN 'refused'
               WHEN known.contype = 'f' AND known.confrelid = $1::oid AND known.conparentid = 0 AND known.con_kind = 'r' THEN 'foreign key'
               WHEN known.contype = 'f' AND known.confrelid = $1::oid AND known.conparentid = 0 THEN 'refused'
               WHEN known.contype = 'f' AND known.confrelid = $1::oid THEN 'own'
               WHEN known.ev_class IS NOT NULL AND known.ev_kind IN ('r', 'p', 'v') THEN 'rule'
               WHEN known.polrelid IS NOT NULL THEN 'policy'
               WHEN known.prosqlbody IS NOT NULL THEN 'function'
               ELSE 'refused'
           END AS what
      FROM known
), found AS (
    SELECT CASE WHEN v.relpersistence = 't' THEN 'refused' WHEN d.oid IS NULL THEN 'view replaced' ELSE 'view dropped' END AS what, v.oid, v.relnamespace, v.relname,
           v.oid AS relation, coalesce(d.depth, 0) AS place, v.relowner AS owner,
           pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, v.oid, 0)
           || CASE WHEN v.relpersistence = 't' THEN ', which is another session''s' ELSE '' END AS described
      FROM (SELECT direct.oid FROM direct UNION SELECT dropped.oid FROM dropped) AS w
      JOIN pg_catalog.pg_class AS v ON v.oid = w.oid LEFT JOIN dropped AS d ON d.oid = w.oid
    UNION ALL
    SELECT DISTINCT sorted.what, sorted.objid, c.relnamespace, c.relname, c.oid, 0,
           coalesce(c.relowner, (SELECT p.proowner FROM pg_catalog.pg_proc AS p WHERE sorted.what LIKE 'function%' AND p.oid = sorted.objid)),
           CASE WHEN sorted.ev_class IS NOT NULL AND sorted.rulename = '_RETURN'
                THEN pg_catalog.pg_describe_object('pg_catalog.pg_class'::pg_catalog.regclass, sorted.ev_class, 0)
                ELSE pg_catalog.pg_describe_object(sorted.classid, sorted.objid, sorted.objsubid) END
           || CASE WHEN sorted.of_view IS NOT NULL THEN ', which needs ' || pg_catalog.pg_describe_object(
                        'pg_catalog.pg_class'::pg_catalog.regclass, sorted.of_view, 0) ELSE '' END
           || CASE WHEN sorted.of_row AND sorted.what = 'refused' THEN ', which uses the row type' ELSE '' END
           || CASE WHEN sorted.is_needed AND sorted.what = 'refused' THEN ' and is used itself' ELSE '' END
      FROM sorted
      LEFT JOIN pg_catalog.pg_class AS c ON c.oid = coalesce(sorted.ev_class, NULLIF(sorted.conrelid, 0), sorted.polrelid)
     WHERE sorted.what <> 'own'
)
SELECT found.what, found.oid::bigint AS oid, n.nspname AS schema, found.relname AS name, found.relation::bigint AS relation,
       CASE WHEN found.what LIKE 'function%' THEN found.oid::pg_catalog.regprocedure::text
            WHEN n.oid IS NOT NULL THEN pg_catalog.format('%I.%I', n.nspname, found.relname) END AS qualified, found.described,
       -- Whether we could alter it: as owner, and in its schema if it is made again.
       pg_catalog.pg_has_role(found.owner, 'USAGE')
       AND (found.what NOT LIKE 'view %' OR pg_catalog.has_schema_privilege(n.oid, 'CREATE'))
       AND (found.what NOT LIKE 'function%' OR pg_catalog.has_schema_privilege(
                (SELECT p.pronamespace FROM pg_catalog.pg_proc AS p WHERE p.oid = found.oid), 'CREATE')) AS is_ours,
       pg_catalog.pg_get_userbyid(found.owner) AS owner
  FROM found LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = found.relnamespace
 ORDER BY found.place, found.what, n.nspname, found.relname, found.described
