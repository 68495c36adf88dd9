-- refused: syntax error
ALTER TABLE customers ADD COLUMN ok text;
ALTER TABLE customers ADDD COLUMN nok text;
