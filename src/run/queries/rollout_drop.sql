-- The history stays. Listeners are told what the functions say from now on. $1 text: name, $2 text: client, $3 text: reason
WITH gone AS (
    DELETE FROM pgseam.rollout AS r WHERE r.name = $1::text RETURNING *),
noted AS (
    INSERT INTO pgseam.rollout_event (rollout, at, action, client, before, reason)
    SELECT g.name, pg_catalog.clock_timestamp(), 'drop', $2::text,
           pg_catalog.jsonb_build_object('stage', g.stage, 'percent', pg_catalog.trim_scale(g.percent), 'cohorts', g.cohorts,
                                         'frozen_because', g.frozen_because), $3::text
      FROM gone AS g)
SELECT pg_catalog.pg_notify('pgseam_rollout', pg_catalog.jsonb_build_object(
           'name', g.name, 'stage', 'off', 'percent', NULL, 'frozen', false)::text)
  FROM gone AS g
