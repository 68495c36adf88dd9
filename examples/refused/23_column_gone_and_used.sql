-- refused: (?i)fax
ALTER TABLE customers DROP COLUMN fax;
CREATE INDEX customers_fax2_idx ON customers (fax);
