-- Which version answers for a key: 'old' or 'new', and 'old' for a rollout that nobody knows. plpgsql, since it keeps its plan: a query
-- in SQL would be planned at each call. COLLATE: what the caller's column has must neither decide the hash nor be in conflict.
CREATE OR REPLACE FUNCTION pgseam.rollout_version(rollout text, key text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    RETURN coalesce((
        SELECT CASE
                   WHEN r.frozen_because IS NOT NULL THEN 'old'
                   WHEN r.stage IN ('rampdown', 'complete') THEN 'new'
                   WHEN r.stage = 'live'
                        AND ((pg_catalog.hashtextextended(rollout_version.key COLLATE "C", pg_catalog.hashtextextended(r.name, 0))
                              % 10000 + 10000) % 10000 < r.percent * 100
                             OR rollout_version.key COLLATE "C" = ANY (r.cohorts)) THEN 'new'
                   ELSE 'old'
               END
          FROM pgseam.rollout AS r
         WHERE r.name = rollout_version.rollout COLLATE "C"), 'old');
END
$function$
