-- What the application has to do now: one row, for a rollout that nobody knows too. The meaning of the stages stands here and nowhere else.
CREATE OR REPLACE FUNCTION pgseam.rollout_state(rollout text)
RETURNS TABLE (stage text, reads text, writes text, percent numeric, is_frozen boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    RETURN QUERY
    SELECT s.stage, CASE WHEN r.frozen_because IS NULL THEN s.reads ELSE 'old' END, s.writes, pg_catalog.trim_scale(r.percent),
           r.frozen_because IS NOT NULL
      FROM (SELECT 1) AS one
      LEFT JOIN pgseam.rollout AS r ON r.name = rollout_state.rollout COLLATE "C"
      JOIN (VALUES ('off', 'old', 'old'),
                   ('dualwrite', 'old', 'both'),
                   ('shadow', 'both', 'both'), -- compares, and answers with the old
                   ('live', 'key', 'both'), -- rollout_version() decides
                   ('rampdown', 'new', 'both'), -- so that there is a way back
                   ('complete', 'new', 'new')) AS s (stage, reads, writes) ON s.stage = coalesce(r.stage, 'off');
END
$function$
