BEGIN;
--
-- Alter field category on product
--
CREATE INDEX "catalog_product_category_id_35bf920b" ON "catalog_product" ("category_id");
ALTER TABLE "catalog_product" ADD CONSTRAINT "catalog_product_category_id_35bf920b_fk_catalog_category_id" FOREIGN KEY ("category_id") REFERENCES "catalog_category" ("id") DEFERRABLE INITIALLY DEFERRED;
--
-- Create constraint price_not_negative on model product
--
ALTER TABLE "catalog_product" ADD CONSTRAINT "price_not_negative" CHECK ("price" >= 0);
COMMIT;
