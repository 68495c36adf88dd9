-- V7: invoices get their net amount and a currency; both are filled from what is there.
ALTER TABLE invoices ADD COLUMN currency char(3) NOT NULL DEFAULT 'EUR';
ALTER TABLE invoices ADD COLUMN vat_rate numeric(4,2);
UPDATE invoices SET net = round(amount / 1.19, 2), vat_rate = 19.00 WHERE net IS NULL;
ALTER TABLE invoices ALTER COLUMN vat_rate SET DEFAULT 19.00;
ALTER TABLE invoices ADD CONSTRAINT invoices_net_le_amount CHECK (net <= amount OR amount < 0);
-- check: SELECT count(*), sum(net), min(vat_rate), max(vat_rate) FROM invoices
