-- pgseam: version pgseam_2
ALTER TABLE users RENAME COLUMN email TO address;
