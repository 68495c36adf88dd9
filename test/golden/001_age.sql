-- The example of the founding document.
ALTER TABLE users ADD COLUMN age int;
UPDATE users SET age = 18 WHERE age IS NULL;
ALTER TABLE users DROP COLUMN old_column;
