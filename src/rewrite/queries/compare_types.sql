-- The columns of a table with their base types, and whether the binary form tells values apart: not without a send function of the type
-- and of all its parts (an array's elements, a composite's attributes, a range's bounds), and not with an array among them: its binary
-- form has a flag "has a bitmap of NULLs", which stays behind when the last NULL is replaced, and which binary COPY takes away.
-- $1 oid: table
WITH RECURSIVE chain AS (
    -- Domains may be built on domains.
    SELECT a.attname AS column_name, a.atttypid AS type
      FROM pg_catalog.pg_attribute AS a
     WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT c.column_name, y.typbasetype
      FROM chain AS c JOIN pg_catalog.pg_type AS y ON y.oid = c.type
     WHERE y.typtype = 'd'
), part AS (
    SELECT c.column_name, c.type FROM chain AS c
    UNION
    SELECT p.column_name, inside.type
      FROM part AS p
      JOIN pg_catalog.pg_type AS y ON y.oid = p.type
     CROSS JOIN LATERAL (
           SELECT y.typelem AS type WHERE y.typelem <> 0
            UNION ALL
           SELECT y.typbasetype WHERE y.typtype = 'd'
            UNION ALL
           SELECT a.atttypid FROM pg_catalog.pg_attribute AS a
            WHERE y.typtype = 'c' AND a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL
           SELECT r.rngsubtype FROM pg_catalog.pg_range AS r WHERE r.rngtypid = y.oid OR r.rngmultitypid = y.oid) AS inside
)
SELECT c.column_name AS column, n.nspname AS schema, y.typname AS name, y.typtype = 'e' AS is_enum,
       pg_catalog.format_type(y.oid, -1) AS base,
       NOT EXISTS (SELECT FROM part AS p JOIN pg_catalog.pg_type AS o ON o.oid = p.type
                    WHERE p.column_name = c.column_name AND (o.typsend = 0 OR o.typelem <> 0 AND o.typlen = -1)) AS can_send,
       (SELECT pg_catalog.quote_ident(s.nspname) || '.' || pg_catalog.quote_ident(f.proname)
          FROM pg_catalog.pg_proc AS f JOIN pg_catalog.pg_namespace AS s ON s.oid = f.pronamespace
         WHERE f.oid = y.typsend) AS send
  FROM chain AS c
  JOIN pg_catalog.pg_type AS y ON y.oid = c.type
  JOIN pg_catalog.pg_namespace AS n ON n.oid = y.typnamespace
 WHERE y.typtype <> 'd'
