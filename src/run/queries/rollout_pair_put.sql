-- $1 text: rollout, $2 text: migration, $3 text: old query, $4 text: new query, $5 text: search_path, $6 numeric: threshold, $7 integer:
-- at_least. What is NULL stays, but the first four go together.
INSERT INTO pgseam.rollout_pair AS p (rollout, migration, old_query, new_query, search_path, threshold, at_least)
VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, coalesce($6::numeric, 0), coalesce($7::integer, 100))
ON CONFLICT (rollout) DO UPDATE
   SET migration = CASE WHEN $2 IS NULL AND $3 IS NULL THEN p.migration ELSE excluded.migration END,
       old_query = CASE WHEN $2 IS NULL AND $3 IS NULL THEN p.old_query ELSE excluded.old_query END,
       new_query = CASE WHEN $2 IS NULL AND $3 IS NULL THEN p.new_query ELSE excluded.new_query END,
       search_path = CASE WHEN $2 IS NULL AND $3 IS NULL THEN p.search_path ELSE excluded.search_path END,
       threshold = coalesce($6::numeric, p.threshold),
       at_least = coalesce($7::integer, p.at_least)
