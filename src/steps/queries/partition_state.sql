-- Whether a table is a partition, on its way out of it, and the CHECK constraint that DETACH has left.
-- $1 text: schema, $2 text: name, $3 text: that CHECK as pg_get_constraintdef() has it, or NULL
SELECT h.inhrelid IS NOT NULL AS is_attached, coalesce(h.inhdetachpending, false) AS is_pending,
       (SELECT min(k.conname::text) FROM pg_catalog.pg_constraint AS k
         WHERE k.conrelid = c.oid AND k.contype = 'c' AND pg_catalog.pg_get_constraintdef(k.oid) = $3::text
           -- One that somebody has named is his own.
           AND pg_catalog.starts_with(k.conname::text, $2::text || '_') AND k.conname::text ~ 'check[0-9]*$') AS check_name
  FROM pg_catalog.pg_class AS c
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_inherits AS h ON h.inhrelid = c.oid
 WHERE n.nspname = $1 AND c.relname = $2
