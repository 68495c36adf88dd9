-- What is compared for a rollout: the two sides of a migration's version, or two queries; and how many mismatches are too many.
-- `period` says since when the application's reports are judged together: it is the event of the last change of stage, or unfreeze.
CREATE TABLE IF NOT EXISTS pgseam.rollout_pair (
    rollout text COLLATE "C" PRIMARY KEY,
    migration text,
    old_query text,
    new_query text,
    search_path text, -- under which the queries' names were given
    threshold numeric(5, 2) NOT NULL DEFAULT 0 CHECK (threshold BETWEEN 0 AND 100), -- percent
    at_least integer NOT NULL DEFAULT 100 CHECK (at_least > 0), -- reports; fewer are judged as if they were as many
    period bigint NOT NULL DEFAULT 0,
    CHECK (num_nulls(old_query, new_query, search_path) IN (0, 3)),
    CHECK (migration IS NULL OR old_query IS NULL))
