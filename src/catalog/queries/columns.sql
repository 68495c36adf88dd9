-- The columns of a relation, dropped ones left out.
-- $1 oid
SELECT a.attname AS name, a.attnum AS number, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       pg_catalog.format_type(b.oid, -1) AS key_type,
       a.attnotnull AS is_not_null,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default_expr,
       a.attgenerated <> '' AS is_generated,
       a.attidentity <> '' AS is_identity,
       a.attcollation <> (SELECT y.typcollation FROM pg_catalog.pg_type AS y WHERE y.oid = a.atttypid) AS has_collation,
       a.attnotnull AND EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
                                 WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
                                   AND NOT k.convalidated) AS is_unproven,
       -- NULL instead of -1 from 17 on.
       coalesce(a.attstattarget, -1) AS statistics,
       CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'm' THEN 'MAIN' WHEN 'e' THEN 'EXTERNAL' ELSE 'EXTENDED' END AS storage,
       CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END AS compression,
       a.attoptions AS options,
       q.name AS sequence, q.type AS sequence_type,
       g.oprname IS NOT NULL AND l.oprname IS NOT NULL AS is_comparable,
       'OPERATOR(' || pg_catalog.quote_ident(gn.nspname) || '.' || g.oprname || ')' AS greater_operator,
       'OPERATOR(' || pg_catalog.quote_ident(ln.nspname) || '.' || l.oprname || ')' AS at_most_operator
  FROM pg_catalog.pg_attribute AS a
  -- Domains may be built on domains.
  CROSS JOIN LATERAL (
       WITH RECURSIVE chain AS (
           SELECT t.oid, t.typtype, t.typcategory, t.typbasetype FROM pg_catalog.pg_type AS t WHERE t.oid = a.atttypid
           UNION ALL
           SELECT t.oid, t.typtype, t.typcategory, t.typbasetype
             FROM chain JOIN pg_catalog.pg_type AS t ON t.oid = chain.typbasetype
            WHERE chain.typtype = 'd')
       SELECT chain.oid, chain.typtype, chain.typcategory FROM chain WHERE chain.typtype <> 'd') AS b
  -- The sequence of a serial column (auto) or an identity (internal).
  LEFT JOIN LATERAL (
       SELECT pg_catalog.format('%I.%I', n.nspname, s.relname) AS name, pg_catalog.format_type(z.seqtypid, NULL) AS type
         FROM pg_catalog.pg_depend AS o
         JOIN pg_catalog.pg_class AS s ON s.oid = o.objid AND s.relkind = 'S'
         JOIN pg_catalog.pg_sequence AS z ON z.seqrelid = s.oid
         JOIN pg_catalog.pg_namespace AS n ON n.oid = s.relnamespace
        WHERE o.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND o.refclassid = o.classid
          AND o.refobjid = a.attrelid AND o.refobjsubid = a.attnum AND o.deptype IN ('a', 'i')
        ORDER BY o.objid LIMIT 1) AS q ON true
  LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  -- The operators by which ORDER BY sorts: those of the default btree operator class. Arrays, enums, ranges and the like find
  -- theirs through a pseudo-type. Comparing with an operator that the search_path finds could be another order.
  LEFT JOIN LATERAL (
       SELECT o.opcfamily, o.opcintype
         FROM pg_catalog.pg_opclass AS o
         JOIN pg_catalog.pg_am AS m ON m.oid = o.opcmethod AND m.amname = 'btree'
        WHERE o.opcdefault
          AND o.opcintype IN (b.oid, CASE WHEN b.typcategory = 'S' THEN 'pg_catalog.text'::pg_catalog.regtype END,
                              CASE WHEN b.typtype = 'e' THEN 'pg_catalog.anyenum'::pg_catalog.regtype END,
                              CASE WHEN b.typcategory = 'A' THEN 'pg_catalog.anyarray'::pg_catalog.regtype END,
                              CASE WHEN b.typtype = 'r' THEN 'pg_catalog.anyrange'::pg_catalog.regtype END,
                              CASE WHEN b.oid = 'pg_catalog.cidr'::pg_catalog.regtype
                                   THEN 'pg_catalog.inet'::pg_catalog.regtype END)
        ORDER BY o.opcintype = b.oid DESC
        LIMIT 1) AS c ON true
  LEFT JOIN pg_catalog.pg_amop AS ga ON ga.amopfamily = c.opcfamily AND ga.amopstrategy = 5
   AND ga.amoplefttype = c.opcintype AND ga.amoprighttype = c.opcintype
  LEFT JOIN pg_catalog.pg_operator AS g ON g.oid = ga.amopopr
  LEFT JOIN pg_catalog.pg_namespace AS gn ON gn.oid = g.oprnamespace
  LEFT JOIN pg_catalog.pg_amop AS la ON la.amopfamily = c.opcfamily AND la.amopstrategy = 2
   AND la.amoplefttype = c.opcintype AND la.amoprighttype = c.opcintype
  LEFT JOIN pg_catalog.pg_operator AS l ON l.oid = la.amopopr
  LEFT JOIN pg_catalog.pg_namespace AS ln ON ln.oid = l.oprnamespace
 WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum
