-- Whether an index of the table leads with these columns, in whatever order.
-- $1 text: the table, quoted; $2 text[]
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_index AS i
      JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
      JOIN pg_catalog.pg_am AS m ON m.oid = c.relam AND m.amname = 'btree'
     WHERE i.indrelid = $1::pg_catalog.regclass AND i.indisvalid AND i.indisready AND i.indpred IS NULL
       AND i.indnkeyatts >= pg_catalog.cardinality($2::text[])
       AND (SELECT pg_catalog.array_agg(a.attname::text)
              FROM pg_catalog.generate_series(1, pg_catalog.cardinality($2::text[])) AS g(place)
              JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = (i.indkey::int2[])[g.place - 1])
           @> $2::text[]) AS is_there
