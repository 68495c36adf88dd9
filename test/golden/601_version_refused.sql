-- pgseam: version v2
ALTER TABLE users ADD COLUMN age integer;
