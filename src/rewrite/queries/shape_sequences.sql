-- LIKE makes the sequence of an identity column bigint, whatever the column: it would go on past the column's end, silently. Statements.
-- $1 oid: source, $2 oid: shadow
WITH identity AS (
    SELECT d.refobjid AS table_oid, a.attname, q.*, n.nspname, c.relname
      FROM pg_catalog.pg_depend AS d
      JOIN pg_catalog.pg_sequence AS q ON q.seqrelid = d.objid
      JOIN pg_catalog.pg_class AS c ON c.oid = q.seqrelid
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
      JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       AND d.refobjid IN ($1::oid, $2::oid) AND d.deptype = 'i'
)
SELECT pg_catalog.format('ALTER SEQUENCE %I.%I AS %s MINVALUE %s MAXVALUE %s', y.nspname, y.relname,
                         pg_catalog.format_type(x.seqtypid, NULL), x.seqmin, x.seqmax) AS statement
  FROM identity AS x JOIN identity AS y ON y.attname = x.attname
 WHERE x.table_oid = $1::oid AND y.table_oid = $2::oid
   AND (x.seqtypid <> y.seqtypid OR x.seqmin <> y.seqmin OR x.seqmax <> y.seqmax)
 ORDER BY 1
