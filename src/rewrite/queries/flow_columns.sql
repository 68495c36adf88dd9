-- The columns of a flow's target, and what the source has under the same name.
-- $1 oid: source, $2 oid: target
SELECT t.attname AS name, pg_catalog.format_type(t.atttypid, t.atttypmod) AS type,
       -- With -1 and not NULL: bpchar and "bit" without a length are other types than character and bit.
       -- A domain's base type: a cast to the domain would cut what an assignment refuses.
       pg_catalog.format_type(z.oid, -1) AS relay_type, s.attname IS NOT NULL AS has_source,
       t.atttypid = s.atttypid AND t.atttypmod = s.atttypmod AS is_same,
       t.attgenerated <> '' AS is_generated,
       CASE WHEN t.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END AS generation,
       y.typsend <> 0 AND y.typreceive <> 0 AND coalesce(e.typsend <> 0 AND e.typreceive <> 0, true)
           AND coalesce(b.typsend <> 0 AND b.typreceive <> 0, true)
           -- An array in binary form names the type of its elements.
           AND (z.oid = t.atttypid OR y.typtype = 'd') AS is_binary
  FROM pg_catalog.pg_attribute AS t
  JOIN pg_catalog.pg_type AS y ON y.oid = t.atttypid
 CROSS JOIN LATERAL (
       WITH RECURSIVE chain AS (
           SELECT y.oid, y.typtype, y.typbasetype, y.typelem, false AS is_element
           UNION ALL
           SELECT n.oid, n.typtype, n.typbasetype, n.typelem, chain.is_element OR chain.typtype <> 'd'
             FROM chain JOIN pg_catalog.pg_type AS n
               ON n.oid = CASE WHEN chain.typtype = 'd' THEN chain.typbasetype
                               -- True arrays only (pg_type.typelem is set for others, too).
                               WHEN NOT chain.is_element AND EXISTS (SELECT FROM pg_catalog.pg_type AS m WHERE m.typarray = chain.oid)
                               THEN chain.typelem END)
       SELECT CASE WHEN k.is_element THEN k.typarray ELSE k.oid END AS oid
         FROM (SELECT chain.oid, chain.is_element, w.typarray FROM chain JOIN pg_catalog.pg_type AS w ON w.oid = chain.oid
                WHERE chain.typtype <> 'd' ORDER BY chain.is_element DESC LIMIT 1) AS k) AS z
  LEFT JOIN pg_catalog.pg_type AS e ON e.oid = y.typelem AND y.typelem <> 0
  LEFT JOIN pg_catalog.pg_type AS b ON b.oid = y.typbasetype AND y.typbasetype <> 0
  LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = t.attrelid AND d.adnum = t.attnum
  LEFT JOIN pg_catalog.pg_attribute AS s ON s.attrelid = $1::oid AND s.attname = t.attname AND s.attnum > 0 AND NOT s.attisdropped
 WHERE t.attrelid = $2::oid AND t.attnum > 0 AND NOT t.attisdropped
 ORDER BY t.attnum
