-- application: stops at the gate
ALTER TABLE legacy_batches RENAME TO import_batches;
ALTER TABLE invoices RENAME COLUMN note TO remark;
ALTER INDEX invoices_customer_id_idx RENAME TO idx_invoices_customer;
ALTER TABLE payments RENAME CONSTRAINT payments_pkey TO pk_payments;
ALTER TYPE invoice_status RENAME VALUE 'draft' TO 'open';
ALTER SEQUENCE ticket_no_seq RENAME TO ticket_numbers;
ALTER VIEW active_customers RENAME TO living_customers;
