-- application: stops at the gate
DROP INDEX "index_articles_on_legacy_slug";
ALTER TABLE "articles" DROP COLUMN "legacy_slug";
ALTER TABLE "articles" RENAME COLUMN "views" TO "view_count";
