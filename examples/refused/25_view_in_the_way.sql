-- refused: active_customers
-- PostgreSQL refuses to change the type of a column that a view shows; better to hear it before anything has begun.
ALTER TABLE customers ADD COLUMN nickname text;
ALTER TABLE customers ALTER COLUMN name TYPE varchar(200);
