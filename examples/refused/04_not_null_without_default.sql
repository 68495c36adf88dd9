-- refused: NOT NULL
ALTER TABLE customers ADD COLUMN tax_number text NOT NULL;
