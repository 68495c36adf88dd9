ALTER TABLE users RENAME COLUMN email TO address;
-- pgseam: version v2
ALTER TABLE users ADD COLUMN age integer;
