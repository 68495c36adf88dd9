-- The migrations, newest first, with how far they are. "interrupted" is what should be running and is not.
-- $1 text: name, NULL for all
SELECT m.id, m.name, m.stage, m.is_paused, m.created_at::text AS created_at, m.changed_at::text AS changed_at,
       CASE WHEN m.state IN ('planned', 'expanding', 'backfilling', 'contracting', 'rolling_back') AND NOT coalesce(r.is_alive, false)
            THEN 'interrupted' ELSE m.state END AS state,
       CASE WHEN m.state IN ('planned', 'expanding', 'backfilling', 'contracting', 'rolling_back') AND NOT coalesce(r.is_alive, false)
            THEN coalesce(m.reason, 'pgseam went away while ' || m.state) ELSE m.reason END AS reason,
       CASE WHEN r.is_alive THEN r.command || ', pid ' || r.pid || ' on ' || r.host END AS runner,
       s.steps_done, s.steps_total, s.rows_total,
       c.rows_done, c.spent_ms
  FROM pgseam.migration AS m
  LEFT JOIN LATERAL (
       SELECT count(*) FILTER (WHERE status = 'done') AS steps_done, count(*) AS steps_total,
              coalesce(sum(rows_total) FILTER (WHERE kind IN ('backfill.update', 'backfill.delete') AND phase = 'backfill'), 0) AS rows_total
         FROM pgseam.step WHERE migration_id = m.id) AS s ON true
  LEFT JOIN LATERAL (
       SELECT coalesce(sum(k.rows_seen), 0) AS rows_done, coalesce(sum(k.spent_ms), 0) AS spent_ms
         FROM pgseam.chunk AS k
         JOIN pgseam.step AS p ON p.migration_id = k.migration_id AND p.id = k.step_id AND p.phase = 'backfill'
        WHERE k.migration_id = m.id) AS c ON true
  LEFT JOIN LATERAL (
       SELECT w.command, w.pid, w.host,
              EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a
                       WHERE a.pid = w.control_pid AND a.datname = pg_catalog.current_database()
                         AND (a.backend_start = w.control_start OR a.backend_start IS NULL)) AS is_alive
         FROM pgseam.runner AS w WHERE w.migration_id = m.id) AS r ON true
 WHERE $1::text IS NULL OR m.name = $1
 ORDER BY m.id DESC
