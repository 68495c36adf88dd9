-- The worst volatility of, whether there is an aggregate or window function among, and whether PostgreSQL itself brings all functions and operators with this name that the search_path or a written schema can reach.
-- $1 text: the name, "schema.name" where the file qualifies it
SELECT CASE max(CASE p.provolatile WHEN 'v' THEN 3 WHEN 's' THEN 2 ELSE 1 END)
            WHEN 3 THEN 'v' WHEN 2 THEN 's' WHEN 1 THEN 'i' END AS volatility,
       coalesce(bool_or(p.prokind IN ('a', 'w')), false) AS is_aggregate,
       coalesce(bool_and(n.nspname = 'pg_catalog'), false) AS is_builtin
  FROM (SELECT f.provolatile, f.prokind, f.pronamespace AS namespace, f.proname AS name
          FROM pg_catalog.pg_proc AS f
        UNION ALL
        SELECT f.provolatile, f.prokind, o.oprnamespace, o.oprname
          FROM pg_catalog.pg_operator AS o
          JOIN pg_catalog.pg_proc AS f ON f.oid = o.oprcode) AS p
  JOIN pg_catalog.pg_namespace AS n ON n.oid = p.namespace
 WHERE ($1 LIKE '%_.%_' AND n.nspname || '.' || p.name = $1)
    OR (p.name = $1 AND n.nspname = ANY (pg_catalog.current_schemas(true)))
