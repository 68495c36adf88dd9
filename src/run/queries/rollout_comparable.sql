-- How values of two types are compared. $1 oid, $2 oid: types. `collates`: its text form is compared bytewise, whatever collation it has.
SELECT pg_catalog.format_type($1::oid, -1) AS old_type, pg_catalog.format_type($2::oid, -1) AS new_type,
       (SELECT t.typcollation <> 0 FROM pg_catalog.pg_type AS t WHERE t.oid = $1::oid) AS old_collates,
       (SELECT t.typcollation <> 0 FROM pg_catalog.pg_type AS t WHERE t.oid = $2::oid) AS new_collates,
       -- What one key may be in: the same type, or integers, or texts.
       $1::oid = $2::oid OR ($1::oid = ANY ('{20,21,23}') AND $2::oid = ANY ('{20,21,23}'))
       OR ($1::oid = ANY ('{25,1043}') AND $2::oid = ANY ('{25,1043}')) AS is_key
