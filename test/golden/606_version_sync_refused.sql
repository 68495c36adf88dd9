-- pgseam: version v2
-- pgseam: up status = (SELECT max(name) FROM users)
ALTER TABLE orders ADD COLUMN status text;
-- pgseam: down state = nothing
ALTER TABLE orders DROP COLUMN state;
