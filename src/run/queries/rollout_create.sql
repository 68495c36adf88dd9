-- A rollout that nobody knows is off, as far as the application is told; so nobody is told of a new one. $1 text: name, $2 text: client,
-- $3 text: reason
WITH made AS (
    INSERT INTO pgseam.rollout (name, stage, changed_by)
    VALUES ($1::text, 'off', pg_catalog.format('%s (%s)', session_user, $2::text))
    ON CONFLICT DO NOTHING
    RETURNING *)
INSERT INTO pgseam.rollout_event (rollout, at, action, client, after, reason)
SELECT m.name, m.changed_at, 'create', $2::text,
       pg_catalog.jsonb_build_object('stage', m.stage, 'percent', m.percent, 'cohorts', m.cohorts, 'frozen_because', m.frozen_because),
       $3::text
  FROM made AS m
