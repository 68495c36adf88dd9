-- refused: ROLLBACK
BEGIN;
ALTER TABLE customers ADD COLUMN tried text;
ROLLBACK;
