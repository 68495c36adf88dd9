-- Whether an index is attached to one of a partitioned table.
-- $1 text: schema, $2 text: name
SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits AS h
                 JOIN pg_catalog.pg_class AS c ON c.oid = h.inhrelid
                 JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relname = $2) AS is_attached
