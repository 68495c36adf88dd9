-- How far an index build is.
-- $1 int: the pid that builds
SELECT p.phase, p.blocks_total, p.blocks_done, p.lockers_total, p.lockers_done, p.current_locker_pid
  FROM pg_catalog.pg_stat_progress_create_index AS p
 WHERE p.pid = $1::int
