-- What rollback has kept of rows whose old side was missing: the newest line of each, oldest first.
-- $1 bigint: the migration
SELECT k.line ->> 'table' AS "table", k.line ->> 'key' AS key, k.line ->> 'side' AS side, k.line ->> 'columns' AS columns,
       k.line ->> 'sqlstate' AS sqlstate, k.line ->> 'message' AS message, k.line ->> 'at' AS at, k.line ->> 'role' AS role,
       k.line ->> 'application' AS application, k.line ->> 'written' AS written,
       k.line ->> 'replaced' AS replaced
  FROM (SELECT e.id, e.message::jsonb AS line,
               pg_catalog.row_number() OVER (PARTITION BY e.message::jsonb ->> 'table', e.message::jsonb ->> 'key',
                                                          e.message::jsonb ->> 'columns' ORDER BY e.id DESC) AS place
          FROM pgseam.event AS e
         WHERE e.migration_id = $1 AND e.kind = 'quarantine') AS k
 WHERE k.place = 1
 ORDER BY k.id
