ALTER TABLE payments ADD COLUMN provider text;
ALTER TABLE payments ADD COLUMN fee numeric(6,2) NOT NULL DEFAULT 0;
ALTER TABLE payments ALTER COLUMN method SET DEFAULT 'sepa';
ALTER TABLE payments ADD CONSTRAINT payments_fee_check CHECK (fee >= 0);
ALTER TABLE payments ADD CONSTRAINT payments_reference_check CHECK (length(reference) < 100) NOT VALID;
ALTER TABLE payments VALIDATE CONSTRAINT payments_reference_check;
COMMENT ON COLUMN payments.provider IS 'who moved the money';
