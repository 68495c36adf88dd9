-- pgseam: version v2
ALTER TABLE pair DROP COLUMN a;
