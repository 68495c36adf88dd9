-- All that was done to a rollout, oldest first. $1 text: name
SELECT e.at, e.action, e.role, e.client, e.before, e.after, e.reason
  FROM pgseam.rollout_event AS e
 WHERE e.rollout = $1::text
 ORDER BY e.id
