-- The layout's number; a newer pgseam raises it.
CREATE TABLE IF NOT EXISTS pgseam.meta (
    key text PRIMARY KEY,
    value text NOT NULL)
