-- For how long a side has been quiet: nothing where somebody was seen since. Also, the time now.
-- $1 bigint: migration, $2 text: side
SELECT pg_catalog.clock_timestamp()::text AS now,
       coalesce((SELECT w.quiet_ms FROM pgseam.version_watch AS w
                  WHERE w.migration_id = $1::bigint AND w.side = $2::text
                    AND NOT EXISTS (SELECT FROM pgseam.version_use AS u
                                     WHERE u.migration_id = w.migration_id AND u.side = w.side AND u.last_seen > w.looked_at)), 0) AS quiet_ms
