-- application: prepares nothing
-- plain: DROP VIEW active_customers; ALTER TABLE customers ADD COLUMN nickname text; ALTER TABLE customers ALTER COLUMN name TYPE varchar(200); CREATE VIEW active_customers AS SELECT id, name, email FROM customers WHERE is_active;
ALTER TABLE customers ADD COLUMN nickname text;
ALTER TABLE customers ALTER COLUMN name TYPE varchar(200);
