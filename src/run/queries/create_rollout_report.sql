-- The application has compared both sides of one key, or (matches NULL) could not. FALSE: not counted, since nobody knows the rollout or
-- the transaction is read only. It never waits for another session and, but for what SERIALIZABLE forbids by itself, never fails.
CREATE OR REPLACE FUNCTION pgseam.rollout_report(rollout text, key text, matches boolean, detail text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
DECLARE
    known record;
    part bigint;
    told record;
    frozen_before jsonb;
    why text;
BEGIN
    IF pg_catalog.current_setting('transaction_read_only')::boolean THEN
        RETURN false;
    END IF;
    SELECT o.name, o.stage, o.frozen_because IS NOT NULL AS is_frozen, coalesce(p.threshold, 0) AS threshold,
           coalesce(p.at_least, 100) AS at_least, coalesce(p.period, 0) AS period
      INTO known
      FROM pgseam.rollout AS o
      LEFT JOIN pgseam.rollout_pair AS p ON p.rollout = o.name
     WHERE o.name = rollout_report.rollout COLLATE "C";
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- Another isolation level would fail on a row that somebody has changed since: it gets one of its own.
    IF pg_catalog.current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
        SELECT c.id INTO part
          FROM pgseam.rollout_count AS c
         WHERE c.rollout = known.name AND c.period = known.period AND c.source = 'report' AND c.stage = known.stage
         LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    IF part IS NOT NULL THEN
        UPDATE pgseam.rollout_count AS c
           SET compared = c.compared + (rollout_report.matches IS NOT NULL)::int,
               mismatches = c.mismatches + (rollout_report.matches IS FALSE)::int,
               errors = c.errors + (rollout_report.matches IS NULL)::int
         WHERE c.rollout = known.name AND c.period = known.period AND c.source = 'report' AND c.stage = known.stage AND c.id = part;
    ELSE
        INSERT INTO pgseam.rollout_count (rollout, period, source, stage, compared, mismatches, errors)
        VALUES (known.name, known.period, 'report', known.stage, (rollout_report.matches IS NOT NULL)::int,
                (rollout_report.matches IS FALSE)::int, (rollout_report.matches IS NULL)::int);
    END IF;
    IF rollout_report.matches THEN
        RETURN true;
    END IF;
    INSERT INTO pgseam.rollout_mismatch (rollout, period, stage, is_error, key, detail)
    SELECT known.name, known.period, known.stage, rollout_report.matches IS NULL, pg_catalog.left(rollout_report.key, 200),
           pg_catalog.left(rollout_report.detail, 1000)
     WHERE (SELECT pg_catalog.count(*) FROM pgseam.rollout_mismatch AS m
             WHERE m.rollout = known.name AND m.period = known.period) < 100;
    IF rollout_report.matches IS NULL OR known.is_frozen OR known.stage IN ('off', 'complete') THEN
        RETURN true;
    END IF;
    SELECT pg_catalog.sum(c.compared) AS compared, pg_catalog.sum(c.mismatches) AS mismatches
      INTO told
      FROM pgseam.rollout_count AS c
     WHERE c.rollout = known.name AND c.period = known.period AND c.source = 'report' AND c.stage = known.stage;
    IF told.mismatches * 100 <= known.threshold * greatest(told.compared, known.at_least) THEN
        RETURN true;
    END IF;
    why := pg_catalog.format('the application: %s of %s comparisons differ, at most %s %% may; the last one: key %s%s', told.mismatches,
                             told.compared, pg_catalog.trim_scale(known.threshold),
                             coalesce(pg_catalog.left(rollout_report.key, 200), 'NULL'),
                             ': ' || pg_catalog.left(rollout_report.detail, 200));
    BEGIN
        -- Whoever holds the row is changing it; the next mismatch comes again.
        SELECT pg_catalog.jsonb_build_object('stage', o.stage, 'percent', pg_catalog.trim_scale(o.percent), 'cohorts', o.cohorts,
                                             'frozen_because', NULL)
          INTO frozen_before
          FROM pgseam.rollout AS o
         WHERE o.name = known.name AND o.stage = known.stage AND o.frozen_because IS NULL
           FOR NO KEY UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN true;
        END IF;
        WITH becomes AS (
            UPDATE pgseam.rollout AS o
               SET frozen_because = why, changed_at = pg_catalog.clock_timestamp(),
                   changed_by = pg_catalog.format('%s (rollout_report)', session_user)
             WHERE o.name = known.name
            RETURNING *)
        INSERT INTO pgseam.rollout_event (rollout, at, action, client, before, after, reason)
        SELECT b.name, b.changed_at, 'freeze',
               pg_catalog.format('%s@%s', pg_catalog.current_setting('application_name'),
                                 coalesce(pg_catalog.host(pg_catalog.inet_client_addr()), 'local')),
               frozen_before, frozen_before || pg_catalog.jsonb_build_object('frozen_because', why), why
          FROM becomes AS b;
        PERFORM pg_catalog.pg_notify('pgseam_rollout', pg_catalog.jsonb_build_object(
            'name', known.name, 'stage', known.stage, 'percent', frozen_before -> 'percent', 'frozen', true)::text);
    EXCEPTION WHEN serialization_failure THEN
        NULL; -- a snapshot that is too old to freeze: a mismatch in another transaction does
    END;
    RETURN true;
END
$function$
