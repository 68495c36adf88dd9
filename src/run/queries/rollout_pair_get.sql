-- A rollout and what is compared for it. $1 text: name
SELECT r.stage, r.frozen_because, p.migration, p.old_query, p.new_query, p.search_path, coalesce(p.period, 0) AS period,
       (coalesce(p.threshold, 0) * 100)::int AS threshold, coalesce(p.at_least, 100) AS at_least
  FROM pgseam.rollout AS r
  LEFT JOIN pgseam.rollout_pair AS p ON p.rollout = r.name
 WHERE r.name = $1::text
