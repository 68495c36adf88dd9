-- The key columns of a flow, in the order of its dirty table, with the operators by which they are equal: those of the default btree
-- operator class, since what the search_path finds could be another equality.
-- $1 oid: dirty table, $2 oid: target
WITH RECURSIVE pair AS (
    SELECT d.attnum AS place, d.attname AS name, d.atttypid AS source_type, d.atttypmod AS source_mod,
           t.atttypid AS target_type, t.atttypmod AS target_mod
      FROM pg_catalog.pg_attribute AS d
      LEFT JOIN pg_catalog.pg_attribute AS t ON t.attrelid = $2::oid AND t.attname = d.attname AND t.attnum > 0 AND NOT t.attisdropped
     WHERE d.attrelid = $1::oid AND d.attnum > 0 AND NOT d.attisdropped
), chain AS (
    -- Domains may be built on domains.
    SELECT w.oid AS wanted, y.oid, y.typtype, y.typcategory, y.typbasetype
      FROM (SELECT source_type AS oid FROM pair UNION SELECT target_type FROM pair) AS w
      JOIN pg_catalog.pg_type AS y ON y.oid = w.oid
    UNION ALL
    SELECT chain.wanted, y.oid, y.typtype, y.typcategory, y.typbasetype
      FROM chain JOIN pg_catalog.pg_type AS y ON y.oid = chain.typbasetype
     WHERE chain.typtype = 'd'
), equality AS (
    SELECT b.wanted, 'OPERATOR(' || pg_catalog.quote_ident(n.nspname) || '.' || o.oprname || ')' AS operator
      FROM chain AS b
     CROSS JOIN LATERAL (
           SELECT k.opcfamily, k.opcintype
             FROM pg_catalog.pg_opclass AS k
             JOIN pg_catalog.pg_am AS m ON m.oid = k.opcmethod AND m.amname = 'btree'
            WHERE k.opcdefault
              AND k.opcintype IN (b.oid, CASE WHEN b.typcategory = 'S' THEN 'pg_catalog.text'::pg_catalog.regtype END,
                                  CASE WHEN b.typtype = 'e' THEN 'pg_catalog.anyenum'::pg_catalog.regtype END,
                                  CASE WHEN b.typcategory = 'A' THEN 'pg_catalog.anyarray'::pg_catalog.regtype END,
                                  CASE WHEN b.typtype = 'r' THEN 'pg_catalog.anyrange'::pg_catalog.regtype END,
                                  CASE WHEN b.oid = 'pg_catalog.cidr'::pg_catalog.regtype
                                       THEN 'pg_catalog.inet'::pg_catalog.regtype END)
            ORDER BY k.opcintype = b.oid DESC
            LIMIT 1) AS c
      JOIN pg_catalog.pg_amop AS a ON a.amopfamily = c.opcfamily AND a.amopstrategy = 3
       AND a.amoplefttype = c.opcintype AND a.amoprighttype = c.opcintype
      JOIN pg_catalog.pg_operator AS o ON o.oid = a.amopopr
      JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
     WHERE b.typtype <> 'd'
)
SELECT pair.name, pg_catalog.format_type(pair.source_type, pair.source_mod) AS type,
       pg_catalog.format_type(pair.target_type, pair.target_mod) AS target_type,
       s.operator AS equal, t.operator AS target_equal
  FROM pair
  LEFT JOIN equality AS s ON s.wanted = pair.source_type
  LEFT JOIN equality AS t ON t.wanted = pair.target_type
 ORDER BY pair.place
