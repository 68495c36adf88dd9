-- Whether a type exists under the search_path that is set, and whether it is a domain whose constraints a new column would
-- have to be checked against.
-- $1 text: the type as written in the file
WITH RECURSIVE chain AS (
    SELECT t.oid, t.typtype, t.typbasetype, t.typnotnull
      FROM pg_catalog.pg_type AS t
     WHERE t.oid = pg_catalog.to_regtype($1)
    UNION ALL
    SELECT t.oid, t.typtype, t.typbasetype, t.typnotnull
      FROM chain
      JOIN pg_catalog.pg_type AS t ON t.oid = chain.typbasetype
)
SELECT count(*) > 0 AS found,
       bool_or(typtype = 'd') AS is_domain, pg_catalog.format_type(pg_catalog.to_regtype($1), -1) AS name,
       coalesce(bool_or(typtype = 'd' AND (typnotnull
           OR EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.contypid = chain.oid))), false) AS constrained
  FROM chain
