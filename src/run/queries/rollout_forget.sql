-- A rollout that goes takes along what was compared. $1 text: name, $2 bigint[]: parts of the counts that are ours
WITH pair AS (DELETE FROM pgseam.rollout_pair AS p WHERE p.rollout = $1::text),
sample AS (DELETE FROM pgseam.rollout_sample AS s WHERE s.rollout = $1::text),
mismatch AS (DELETE FROM pgseam.rollout_mismatch AS m WHERE m.rollout = $1::text)
DELETE FROM pgseam.rollout_count AS c WHERE c.rollout = $1::text AND c.id = ANY ($2::bigint[])
