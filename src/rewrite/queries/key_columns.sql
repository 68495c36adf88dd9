-- The columns by which the rows of a table are found again: the replica identity's index, so that logical decoding tells them; else the
-- primary key; else another unique index on columns that are NOT NULL. No row: there is none.
-- $1 oid
SELECT a.attname AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
       CASE WHEN a.attcollation <> 0 AND a.attcollation <> y.typcollation
            THEN pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(l.collname) END AS collation
  FROM (SELECT i.indrelid, i.indkey, i.indnkeyatts
          FROM pg_catalog.pg_index AS i
          JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
         WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indisready AND i.indislive
           AND i.indpred IS NULL AND i.indexprs IS NULL
           AND NOT EXISTS (SELECT FROM pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS p(number, place)
                             JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = p.number
                            WHERE p.place <= i.indnkeyatts AND (NOT a.attnotnull OR a.attgenerated <> ''))
         ORDER BY c.relreplident = 'i' AND i.indisreplident DESC, i.indisprimary AND i.indimmediate DESC, i.indimmediate DESC,
                  i.indnkeyatts, i.indexrelid
         LIMIT 1) AS k
 CROSS JOIN LATERAL pg_catalog.unnest(k.indkey::int2[]) WITH ORDINALITY AS p(number, place)
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.indrelid AND a.attnum = p.number
  JOIN pg_catalog.pg_type AS y ON y.oid = a.atttypid
  LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = l.collnamespace
 WHERE p.place <= k.indnkeyatts
 ORDER BY p.place
