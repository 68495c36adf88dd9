-- A column and the helper constraint of SET NOT NULL.
-- $1 text: schema, $2 text: table, $3 text: column, $4 text: constraint or NULL
SELECT a.attname IS NOT NULL AS column_exists,
       coalesce(a.attnotnull, false) AS is_not_null,
       d.oid IS NOT NULL AS has_default,
       k.oid IS NOT NULL AS has_constraint,
       coalesce(k.convalidated, false) AS is_valid
  FROM pg_catalog.pg_namespace AS n
  JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = $2
  LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = $3 AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
  LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = c.oid AND k.conname = $4
 WHERE n.nspname = $1
