CREATE TABLE "reviews" ("id" bigserial primary key, "user_id" bigint, "rating" integer DEFAULT 0 NOT NULL, "body" text, "created_at" timestamp(6) NOT NULL, "updated_at" timestamp(6) NOT NULL, CONSTRAINT "fk_rails_74a66bd6c5"
FOREIGN KEY ("user_id")
  REFERENCES "users" ("id")
 ON DELETE CASCADE);
CREATE INDEX "index_reviews_on_user_id" ON "reviews" ("user_id");
CREATE UNIQUE INDEX "index_reviews_on_user_id_and_created_at" ON "reviews" ("user_id", "created_at");
ALTER TABLE "articles" ADD "reviews_count" integer DEFAULT 0 NOT NULL;
