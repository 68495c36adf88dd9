-- refused: (?i)fax
ALTER TABLE customers DROP COLUMN fax;
ALTER TABLE customers ADD COLUMN fax varchar(40);
