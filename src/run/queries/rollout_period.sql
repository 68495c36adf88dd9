-- What the application reports from now on is judged apart from what it has reported: the row's last event was the reason. $1 text: name
INSERT INTO pgseam.rollout_pair (rollout, period)
SELECT $1::text, pg_catalog.max(e.id)
  FROM pgseam.rollout_event AS e
 WHERE e.rollout = $1::text
ON CONFLICT (rollout) DO UPDATE SET period = excluded.period
