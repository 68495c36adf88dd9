ALTER TABLE "comments" ADD "created_at" timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP, ADD "updated_at" timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP;
ALTER TABLE "comments" ADD "public_id" uuid DEFAULT gen_random_uuid() NOT NULL;
CREATE UNIQUE INDEX CONCURRENTLY "index_comments_on_public_id" ON "comments" ("public_id");
CREATE INDEX CONCURRENTLY "index_comments_on_article_id" ON "comments" USING btree ("article_id");
-- check: SELECT count(*), count(DISTINCT public_id), count(created_at) FROM comments
