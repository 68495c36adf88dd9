-- Rollouts, with what the application is told. $1 text: its name, or NULL for all.
SELECT r.name, r.stage, (r.percent * 100)::int AS hundredths, r.cohorts, r.frozen_because, r.changed_at, r.changed_by, s.reads, s.writes
  FROM pgseam.rollout AS r
 CROSS JOIN LATERAL pgseam.rollout_state(r.name) AS s
 WHERE $1::text IS NULL OR r.name = $1
 ORDER BY r.name
