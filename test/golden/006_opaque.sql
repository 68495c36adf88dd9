-- pgseam: allow opaque because the role is new and nobody uses it yet
DO $$ BEGIN GRANT SELECT ON users TO reader; END $$;
CREATE TABLE "Audit log" (id bigint PRIMARY KEY, what text NOT NULL DEFAULT 'x, y');
