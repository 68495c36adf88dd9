CREATE SCHEMA "Über Gang";
CREATE TABLE "Über Gang"."select" ("from" bigint PRIMARY KEY, "a""b" text DEFAULT '{}', "Ünïcode" integer);
CREATE INDEX "idx ""quoted""" ON "Über Gang"."select" ("a""b", "Ünïcode");
ALTER TABLE public."Post" ADD COLUMN "order" integer NOT NULL DEFAULT 0;
ALTER TABLE "public" . "Post" ADD CONSTRAINT "order >= 0; ok" CHECK ("order" >= 0);
UPDATE public."Post" AS "p" SET "title" = "p"."title" || '?' WHERE "p"."id" = ANY ('{po1,po2,po3}'::text[]);
-- check: SELECT count(*) FROM "Post" WHERE title LIKE '%?'
