-- Whether a relation, or a constraint of a table, of this name exists in the schema.
-- $1 text: schema
-- $2 text: name
SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c
                 JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relname = $2) AS taken,
       EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
                 JOIN pg_catalog.pg_namespace AS n ON n.oid = k.connamespace
                WHERE n.nspname = $1 AND k.conname = $2) AS is_constraint
