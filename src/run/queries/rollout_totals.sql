-- What was compared in each stage, by whom. $1 text: name
SELECT c.stage, c.source, pg_catalog.sum(c.compared) AS compared, pg_catalog.sum(c.mismatches) AS mismatches,
       pg_catalog.sum(c.errors) AS errors
  FROM pgseam.rollout_count AS c
 WHERE c.rollout = $1::text
 GROUP BY c.stage, c.source
 ORDER BY pg_catalog.array_position(ARRAY['off', 'dualwrite', 'shadow', 'live', 'rampdown', 'complete'], c.stage), c.source
