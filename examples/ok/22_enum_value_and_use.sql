-- Refunded invoices get a state of their own.
-- rollback keeps: ALTER TYPE invoice_status ADD VALUE 'refunded' AFTER 'paid'; ALTER TYPE invoice_status ADD VALUE 'overdue' BEFORE 'paid'
ALTER TYPE invoice_status ADD VALUE IF NOT EXISTS 'refunded' AFTER 'paid';
ALTER TYPE invoice_status ADD VALUE 'overdue' BEFORE 'paid';
CREATE INDEX invoices_open_idx ON invoices (due_on) WHERE status <> 'paid';
