BEGIN;

-- Running upgrade 1f3a5c7e9b0d -> 2b4d6f8a0c1e

ALTER TABLE billing.entries ADD COLUMN currency VARCHAR(3) DEFAULT 'EUR' NOT NULL;

ALTER TABLE billing.entries ADD CONSTRAINT ck_entries_cents CHECK (cents >= 0);

CREATE INDEX ix_billing_entries_booked_on ON billing.entries (booked_on);

UPDATE alembic_version SET version_num='2b4d6f8a0c1e' WHERE alembic_version.version_num = '1f3a5c7e9b0d';

-- Running upgrade 2b4d6f8a0c1e -> 3c5e7a9b1d2f

ALTER TABLE billing.entries ADD CONSTRAINT fk_entries_account_id_accounts FOREIGN KEY(account_id) REFERENCES billing.accounts (id) ON DELETE SET NULL;

ALTER TABLE billing.accounts ADD CONSTRAINT uq_accounts_iban UNIQUE (iban);

UPDATE alembic_version SET version_num='3c5e7a9b1d2f' WHERE alembic_version.version_num = '2b4d6f8a0c1e';

COMMIT;

-- check: SELECT version_num FROM alembic_version
-- check: SELECT currency, count(*) FROM billing.entries GROUP BY 1
