-- rollback keeps: ALTER TYPE enum_customers_tier ADD VALUE 'gold'
CREATE TYPE "public"."enum_customers_channel" AS ENUM('mail', 'phone', 'none');
ALTER TABLE "public"."customers" ADD COLUMN "channel" "public"."enum_customers_channel" DEFAULT 'none';
ALTER TABLE "public"."customers" ADD COLUMN "createdBy" VARCHAR(255);
ALTER TABLE "public"."customers" ALTER COLUMN "is_active" SET DEFAULT true;
ALTER TYPE "public"."enum_customers_tier" ADD VALUE 'gold';
ALTER TABLE "public"."customers" ADD FOREIGN KEY ("region_id") REFERENCES "regions" ("id") ON DELETE SET NULL ON UPDATE CASCADE;
