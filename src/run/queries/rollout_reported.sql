-- The first mismatches and errors of this period that the application reported. $1 text: name
SELECT m.at, m.stage, m.is_error, m.key, m.detail, m.role
  FROM pgseam.rollout_mismatch AS m
 WHERE m.rollout = $1::text
   AND m.period = coalesce((SELECT p.period FROM pgseam.rollout_pair AS p WHERE p.rollout = $1::text), 0)
 ORDER BY m.id
 LIMIT 10
