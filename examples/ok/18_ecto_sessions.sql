ALTER TABLE "public"."sessions" ADD COLUMN "inserted_at" timestamp(0) NOT NULL DEFAULT now();
CREATE INDEX CONCURRENTLY "sessions_expires_at_index" ON "public"."sessions" ("expires_at");
CREATE INDEX "sessions_user_ref_index" ON "public"."sessions" ("user_ref") WHERE expires_at IS NOT NULL;
DELETE FROM "public"."sessions" WHERE expires_at < '2026-03-01';
COMMENT ON COLUMN "public"."sessions"."inserted_at" IS 'when the session began';
-- check: SELECT count(*), min(expires_at) FROM sessions
