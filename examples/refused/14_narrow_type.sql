-- refused: online rewrite
ALTER TABLE invoices ALTER COLUMN number TYPE varchar(20);
