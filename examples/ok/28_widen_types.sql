-- application: prepares nothing
-- Nothing here rewrites a table: the values stay as they are.
ALTER TABLE customers ALTER COLUMN phone SET DATA TYPE varchar(200);
ALTER TABLE articles ALTER COLUMN title TYPE text;
ALTER TABLE invoices ALTER COLUMN note TYPE varchar, ALTER COLUMN number TYPE varchar(60);
ALTER TABLE payments ALTER amount TYPE numeric(14,2), ALTER method TYPE text;
-- check: SELECT count(*), min(phone), max(phone) FROM customers
-- check: SELECT sum(amount) FROM payments
