-- The comments on a table (no column) and its columns, and whether a column's type forbids NULL, which no NOT NULL of the column says.
-- $1 oid
SELECT NULL::name AS column_name, pg_catalog.obj_description($1::oid, 'pg_class') AS text, false AS forbids_null, NULL::text AS type_default,
       false AS has_storage, NULL::name AS not_null_name, NULL::text AS not_null_comment, false AS has_odd_not_null,
       false AS has_own_grant
UNION ALL
SELECT a.attname, pg_catalog.col_description(a.attrelid, a.attnum),
       EXISTS (WITH RECURSIVE chain AS (
                   SELECT t.oid, t.typtype, t.typbasetype, t.typnotnull FROM pg_catalog.pg_type AS t WHERE t.oid = a.atttypid
                   UNION ALL
                   SELECT t.oid, t.typtype, t.typbasetype, t.typnotnull
                     FROM chain JOIN pg_catalog.pg_type AS t ON t.oid = chain.typbasetype
                    WHERE chain.typtype = 'd')
               SELECT FROM chain WHERE chain.typnotnull AND chain.typtype = 'd')
       -- A domain's own default is one.
       AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS t WHERE t.oid = a.atttypid AND t.typdefault IS NOT NULL),
       (SELECT pg_catalog.pg_get_expr(t.typdefaultbin, 0) FROM pg_catalog.pg_type AS t WHERE t.oid = a.atttypid),
       (SELECT t.typstorage <> a.attstorage FROM pg_catalog.pg_type AS t WHERE t.oid = a.atttypid),
       k.conname, pg_catalog.obj_description(k.oid, 'pg_constraint'), coalesce(k.connoinherit OR NOT k.convalidated, false),
       EXISTS (SELECT FROM pg_catalog.aclexplode(a.attacl) AS e JOIN pg_catalog.pg_roles AS r ON r.oid = e.grantee WHERE r.rolname = current_user)
  FROM pg_catalog.pg_attribute AS a
  LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum]
 WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
