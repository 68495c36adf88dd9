-- refused: (?i)order|phase|contract|gate
-- The new index can only be named when the old one is gone, and that is behind the gate.
DROP INDEX customers_fax_idx;
CREATE INDEX customers_fax_idx ON customers (fax, id);
