ALTER TABLE "device" ADD "token" uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE "device" ADD CONSTRAINT "UQ_7b8f1a6d0a1c93e7d3a9c0f6e21" UNIQUE ("token");
ALTER TABLE "device" ADD "createdAt" TIMESTAMP NOT NULL DEFAULT now();
ALTER TABLE "device" ADD "serial" SERIAL NOT NULL;
CREATE INDEX "IDX_5b0d1f6d6c3f7a0e9c1d2b3a4f" ON "device" ("firmware", "label") ;
-- check: SELECT count(DISTINCT token), count(DISTINCT serial), min(serial) >= 1 FROM device
