-- The last samples, newest first. $1 text: name
SELECT s.at, s.stage, s.compared, s.mismatches, s.errors, s.is_over, s.took_ms, s.by
  FROM pgseam.rollout_sample AS s
 WHERE s.rollout = $1::text
 ORDER BY s.id DESC
 LIMIT 10
