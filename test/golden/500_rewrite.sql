-- Everything that writes orders anew is one copy, with its key, its foreign key and its trigger.
ALTER TABLE orders ALTER COLUMN id TYPE numeric, ADD COLUMN "double" numeric GENERATED ALWAYS AS (total * 2) STORED;
-- pgseam: down state = lower(state)
ALTER TABLE orders ALTER state TYPE text USING upper(state);
ALTER TABLE orders SET TABLESPACE fast;
ALTER TABLE orders ADD CONSTRAINT one_state EXCLUDE USING btree (state WITH =);
CREATE INDEX doubles ON orders ("double");
ALTER TABLE orders ADD COLUMN plain int;
ALTER TABLE orders DROP COLUMN user_id;
