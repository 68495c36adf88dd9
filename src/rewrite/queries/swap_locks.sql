-- The relations that a cut-over locks beside the table itself and what swap_dependants.sql tells of: the tables that its foreign keys
-- refer to (DROP CONSTRAINT takes their triggers away) and its sequences, which no LOCK TABLE takes;
-- `moves`: with its table, which takes ACCESS EXCLUSIVE.
-- $1 oid of the table, $2 oid of the one that takes its place
SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'S' AS is_sequence,
       w.moves, pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_ours
  FROM (SELECT k.confrelid AS oid, false AS moves FROM pg_catalog.pg_constraint AS k
         WHERE k.conrelid = $1::oid AND k.contype = 'f' AND k.conparentid = 0 AND k.confrelid <> $1::oid
        UNION
        SELECT d.objid, d.deptype = 'i' FROM pg_catalog.pg_depend AS d
         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refobjid IN ($1::oid, $2::oid) AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')) AS w
  -- Before 15 a generated column depends on its table itself, as pg_class on pg_class.
  JOIN pg_catalog.pg_class AS c ON c.oid = w.oid AND c.relkind <> 'i' AND c.oid NOT IN ($1::oid, $2::oid)
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 ORDER BY 1, 2
