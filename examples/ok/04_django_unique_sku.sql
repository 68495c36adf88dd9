BEGIN;
--
-- Alter field sku on product
--
ALTER TABLE "catalog_product" ADD CONSTRAINT "catalog_product_sku_6a3b22ee_uniq" UNIQUE ("sku");
CREATE INDEX "catalog_product_sku_6a3b22ee_like" ON "catalog_product" ("sku" varchar_pattern_ops);
--
-- Alter field name on product
--
ALTER TABLE "catalog_product" ALTER COLUMN "name" TYPE varchar(250);
COMMIT;
