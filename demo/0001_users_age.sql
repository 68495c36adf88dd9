-- Users get an age; the old remarks go. Written as for any database at rest.
ALTER TABLE users ADD COLUMN age integer;
UPDATE users SET age = 18 WHERE age IS NULL;
ALTER TABLE users ALTER COLUMN age SET NOT NULL;
CREATE INDEX ON orders (status);
ALTER TABLE users DROP COLUMN old_column;
