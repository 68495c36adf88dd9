-- application: prepares nothing
ALTER TABLE invoices ADD COLUMN paid_on date;
ALTER TABLE billing.entries ALTER COLUMN account_id TYPE bigint;
