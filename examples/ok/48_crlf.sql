-- Saved on Windows.
BEGIN;
ALTER TABLE "customers"
	ADD COLUMN "salutation" varchar(10) NULL;
ALTER TABLE "customers" ADD COLUMN "remark" text DEFAULT 'none';
CREATE INDEX "IX_customers_salutation" ON "customers" ("salutation");
COMMIT;
