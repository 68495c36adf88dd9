DELETE FROM invoices WHERE status = 'draft' AND due_on < DATE '2026-02-01';
CREATE UNIQUE INDEX invoices_number_key ON invoices (number);
ALTER TABLE invoices ADD CONSTRAINT invoices_number_uq UNIQUE USING INDEX invoices_number_key;
-- check: SELECT count(*), sum(amount) FROM invoices
