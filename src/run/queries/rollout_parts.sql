-- Lock the parts of the counts that nobody else holds, without waiting. $1 text: name
SELECT coalesce(pg_catalog.array_agg(f.id), '{}') AS ids
  FROM (SELECT c.id FROM pgseam.rollout_count AS c WHERE c.rollout = $1::text FOR UPDATE SKIP LOCKED) AS f
