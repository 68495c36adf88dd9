-- pgseam: version v2
ALTER TABLE orders ALTER COLUMN total TYPE text USING total::text;
