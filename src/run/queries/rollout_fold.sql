-- Put these parts together: one for the period that there is, and one for all before, of each stage. $1 text: name, $2 bigint[]: parts
WITH gone AS (
    DELETE FROM pgseam.rollout_count AS c WHERE c.rollout = $1::text AND c.id = ANY ($2::bigint[]) RETURNING *)
INSERT INTO pgseam.rollout_count (rollout, period, source, stage, compared, mismatches, errors)
SELECT g.rollout, s.period, g.source, g.stage, pg_catalog.sum(g.compared), pg_catalog.sum(g.mismatches), pg_catalog.sum(g.errors)
  FROM gone AS g
  LEFT JOIN pgseam.rollout_pair AS p ON p.rollout = g.rollout
 CROSS JOIN LATERAL (SELECT CASE WHEN g.period < p.period THEN 0 ELSE g.period END) AS s (period)
 GROUP BY g.rollout, s.period, g.source, g.stage
