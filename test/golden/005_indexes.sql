CREATE UNIQUE INDEX users_email_key ON users (email);
CREATE INDEX IF NOT EXISTS users_email_idx ON users (email);
DROP INDEX users_email_idx;
