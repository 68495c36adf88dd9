-- Where keys can be taken from, and about how many rows it has, partitions and children included. $1 oid: a relation, $2 smallint: column
WITH RECURSIVE family AS (
    SELECT $1::oid AS oid
    UNION
    SELECT i.inhrelid FROM family AS f JOIN pg_catalog.pg_inherits AS i ON i.inhparent = f.oid)
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS relation, pg_catalog.quote_ident(a.attname) AS column_name,
       c.relkind IN ('r', 'p', 'm')
       AND NOT EXISTS (SELECT FROM family AS f JOIN pg_catalog.pg_class AS m ON m.oid = f.oid WHERE m.relkind = 'f') AS is_sampled,
       s.pages, s.rows
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = $2::smallint
 CROSS JOIN LATERAL (
           SELECT coalesce(pg_catalog.sum(p.pages), 0) AS pages,
                  -- Pages that came since it was analyzed may hold dead rows as well as more of them: rather too few are expected.
                  coalesce(pg_catalog.sum(CASE WHEN m.reltuples > 0 AND m.relpages > 0
                                               THEN least(m.reltuples / m.relpages * p.pages, m.reltuples * 1.5)
                                               ELSE 60 * p.pages END), 0) AS rows
             FROM family AS f
             JOIN pg_catalog.pg_class AS m ON m.oid = f.oid AND m.relkind IN ('r', 'm')
            CROSS JOIN LATERAL (
                      SELECT pg_catalog.pg_relation_size(m.oid) / pg_catalog.current_setting('block_size')::int) AS p (pages)) AS s
 WHERE c.oid = $1::oid
