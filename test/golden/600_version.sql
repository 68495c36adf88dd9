-- pgseam: version "Release 2"
ALTER TABLE orders RENAME COLUMN state TO status;
ALTER TABLE orders ADD COLUMN age integer DEFAULT 18;
ALTER TABLE orders ALTER COLUMN age SET DEFAULT 20;
ALTER TABLE users DROP COLUMN old_column;
