-- What a rollout is from now on, what it was, and word of it to whoever listens. The row is locked already.
-- $1 text: name, $2 text: stage, $3 numeric: percent, $4 text[]: cohorts, $5 text: why it is frozen, $6 text: action, $7 text: client,
-- $8 text: reason
WITH was AS (
    SELECT pg_catalog.jsonb_build_object('stage', r.stage, 'percent', pg_catalog.trim_scale(r.percent), 'cohorts', r.cohorts,
                                         'frozen_because', r.frozen_because) AS state
      FROM pgseam.rollout AS r
     WHERE r.name = $1::text),
becomes AS (
    UPDATE pgseam.rollout AS r
       SET stage = $2::text, percent = $3::numeric, cohorts = $4::text[], frozen_because = $5::text,
           changed_at = pg_catalog.clock_timestamp(), changed_by = pg_catalog.format('%s (%s)', session_user, $7::text)
     WHERE r.name = $1::text
    RETURNING *),
noted AS (
    INSERT INTO pgseam.rollout_event (rollout, at, action, client, before, after, reason)
    SELECT b.name, b.changed_at, $6::text, $7::text, w.state,
           pg_catalog.jsonb_build_object('stage', b.stage, 'percent', pg_catalog.trim_scale(b.percent), 'cohorts', b.cohorts,
                                         'frozen_because', b.frozen_because), $8::text
      FROM becomes AS b
     CROSS JOIN was AS w)
SELECT pg_catalog.pg_notify('pgseam_rollout', pg_catalog.jsonb_build_object(
           'name', b.name, 'stage', b.stage, 'percent', pg_catalog.trim_scale(b.percent), 'frozen', b.frozen_because IS NOT NULL)::text)
  FROM becomes AS b
