ALTER TABLE "orders" ADD "warehouse_id" bigint;
CREATE INDEX "index_orders_on_warehouse_id" ON "orders" ("warehouse_id");
ALTER TABLE "orders" ADD CONSTRAINT "fk_rails_9b2e1c7d3a"
FOREIGN KEY ("warehouse_id")
  REFERENCES "warehouses" ("id")
;
INSERT INTO "schema_migrations" (version) VALUES ('20260814093011') RETURNING "version";
-- check: SELECT * FROM schema_migrations
