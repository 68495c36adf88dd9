-- application: new at the gate
BEGIN;
--
-- Add field age to user
--
ALTER TABLE "users" ADD COLUMN "age" integer DEFAULT 18 NOT NULL;
ALTER TABLE "users" ALTER COLUMN "age" DROP DEFAULT;
--
-- Create index users_age_8c1f2a_idx on field(s) age of model user
--
CREATE INDEX "users_age_8c1f2a_idx" ON "users" ("age");
--
-- Remove field old_column from user
--
ALTER TABLE "users" DROP COLUMN "old_column" CASCADE;
COMMIT;
-- check: SELECT count(*) FROM users WHERE age IS NULL
