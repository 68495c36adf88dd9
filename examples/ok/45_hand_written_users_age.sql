-- application: new at the gate
ALTER TABLE users ADD COLUMN age int;
UPDATE users SET age = 18 WHERE age IS NULL;
ALTER TABLE users ALTER COLUMN age SET NOT NULL;
ALTER TABLE users ADD CONSTRAINT users_age_sane CHECK (age BETWEEN 0 AND 150);
ALTER TABLE users DROP COLUMN old_column;
-- check: SELECT count(*) FROM users WHERE age IS NULL
