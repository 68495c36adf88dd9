-- What an operator may change while a migration runs, besides its settings.
-- $1 bigint: migration
SELECT m.is_paused, coalesce((SELECT max(s.changed_at)::text || count(*) FROM pgseam.setting AS s WHERE s.migration_id = m.id), '') AS mark
  FROM pgseam.migration AS m
 WHERE m.id = $1::bigint
