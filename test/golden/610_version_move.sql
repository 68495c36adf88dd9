-- pgseam: version v4
CREATE TABLE notes (order_id bigint PRIMARY KEY, note text);
INSERT INTO notes (order_id, note) SELECT id, state FROM orders WHERE state IS NOT NULL;
ALTER TABLE orders DROP COLUMN state;
