UPDATE "articles" SET "status" = 0 WHERE "status" IS NULL;
ALTER TABLE "articles" ALTER COLUMN "status" SET NOT NULL;
ALTER TABLE "articles" ALTER COLUMN "status" SET DEFAULT 1;
ALTER TABLE "articles" ADD CONSTRAINT "fk_rails_e74ce85cbc" FOREIGN KEY ("author_id") REFERENCES "authors" ("id");
INSERT INTO "schema_migrations" (version) VALUES
('20260901120000'),
('20260902120000');
-- check: SELECT status, count(*) FROM articles GROUP BY status ORDER BY status
-- check: SELECT version FROM schema_migrations ORDER BY 1
