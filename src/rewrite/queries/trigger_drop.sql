-- What takes a set of triggers away, wherever their table is: statements, in order. The triggers are known by the function that they call,
-- since the table may have another name by now.
-- $1 text: schema of the rewrite, $2 text: prefix of names
WITH function AS (
    SELECT p.oid, p.proname
      FROM pg_catalog.pg_proc AS p
      JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
     WHERE n.nspname = $1 AND pg_catalog.starts_with(p.proname::text, $2 || '_')
)
SELECT statement
  FROM (SELECT 1 AS place, pg_catalog.format('DROP TRIGGER %I ON %I.%I', t.tgname, n.nspname, c.relname) AS statement
          FROM function
          JOIN pg_catalog.pg_trigger AS t ON t.tgfoid = function.oid
          JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        UNION ALL
        SELECT 2, pg_catalog.format('DROP FUNCTION %I.%I()', $1::text, function.proname) FROM function) AS s
 ORDER BY place, statement
