-- Note a sample, and forget those before the last thousand. $1 text: rollout, $2 text: stage, $3 bigint: compared, $4 bigint: mismatches,
-- $5 bigint: errors, $6 boolean: over the threshold, $7 bigint: milliseconds, $8 text: client
WITH old AS (
    DELETE FROM pgseam.rollout_sample AS s
     WHERE s.rollout = $1::text
       AND s.id <= (SELECT l.id FROM pgseam.rollout_sample AS l WHERE l.rollout = $1::text ORDER BY l.id DESC OFFSET 999 LIMIT 1)),
counted AS (
    INSERT INTO pgseam.rollout_count (rollout, period, source, stage, compared, mismatches, errors)
    SELECT r.name, coalesce(p.period, 0), 'check', $2::text, $3::bigint, $4::bigint, $5::bigint
      FROM pgseam.rollout AS r
      LEFT JOIN pgseam.rollout_pair AS p ON p.rollout = r.name
     WHERE r.name = $1::text)
INSERT INTO pgseam.rollout_sample (rollout, stage, compared, mismatches, errors, is_over, took_ms, by)
VALUES ($1::text, $2::text, $3::bigint, $4::bigint, $5::bigint, $6::boolean, $7::bigint,
        pg_catalog.format('%s (%s)', session_user, $8::text))
RETURNING at, by
