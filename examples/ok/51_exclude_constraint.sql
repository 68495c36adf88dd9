ALTER TABLE customers ADD CONSTRAINT one_per_name EXCLUDE USING btree (name WITH =);
