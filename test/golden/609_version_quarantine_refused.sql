-- pgseam: version v2
-- pgseam: on-error quarantine
-- pgseam: up code = state::int
ALTER TABLE orders ADD COLUMN code int NOT NULL;
-- pgseam: down state = code::text
ALTER TABLE orders DROP COLUMN state;
