-- refused: opaque|DO
CREATE TABLE fine (id int);
DO $$ BEGIN EXECUTE 'ALTER TABLE customers ADD COLUMN x int'; END $$;
