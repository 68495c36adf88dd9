ALTER TABLE users ADD age int, ALTER n SET DEFAULT 1;
UPDATE users SET age = length(name) WHERE age IS NULL;
ALTER TABLE users
    ALTER COLUMN age SET NOT NULL;
CREATE INDEX ON users (age);
