BEGIN;
--
-- Add field rating to product
--
ALTER TABLE "catalog_product" ADD COLUMN "rating" numeric(3, 1) DEFAULT 0.0 NOT NULL;
ALTER TABLE "catalog_product" ALTER COLUMN "rating" DROP DEFAULT;
COMMIT;
-- application: stops at the gate
-- check: SELECT count(*), sum(rating) FROM catalog_product
