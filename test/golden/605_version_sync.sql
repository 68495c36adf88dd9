-- pgseam: version v2
-- pgseam: up status = lower(state)
ALTER TABLE orders ADD COLUMN status text;
-- pgseam: down state = coalesce(status, 'none')
ALTER TABLE orders DROP COLUMN state;
-- pgseam: down total = total::numeric
ALTER TABLE orders ALTER COLUMN total TYPE text USING total::text;
